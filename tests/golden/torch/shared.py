import torch
from torch import nn


class Shared(nn.Module):
    """shared: 4, 4 to 3, 2, 29 parameters.

    Reads left (N, F) = (N, 4)
    Reads right (N, F) = (N, 4)
    Gives first (N, F) = (N, 3)
    Gives last (N, F) = (N, 2)
    Losses take `logits`.
    Weights: `model.load_state_dict(safetensors.torch.load_file("best.safetensors"))`.
    """

    def __init__(self):
        super().__init__()
        self.tower = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.second = nn.Linear(3, 2)

    def logits(self, left, right):
        norm = self.norm(self.tower(left))  # 3
        norm_again = self.norm(self.tower(right))  # 3
        first = torch.tanh(norm)  # 3
        return first, self.second(norm_again)  # 2

    def forward(self, left, right):
        first, logits = self.logits(left, right)
        return first, torch.softmax(logits, dim=-1)


if __name__ == "__main__":
    model = Shared().eval()
    # Weights that netspec has trained:
    # from safetensors.torch import load_file
    # model.load_state_dict(load_file("best.safetensors"))
    left = torch.rand(2, 4)
    right = torch.rand(2, 4)
    with torch.no_grad():
        first, last = model(left, right)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {tuple(left.shape)} and {tuple(right.shape)} to {tuple(first.shape)} and {tuple(last.shape)}")
