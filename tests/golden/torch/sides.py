import torch
from torch import nn


class Sides(nn.Module):
    """sides: 4 to 3, 2, 1, 2, 45 parameters.

    Reads given (N, F) = (N, 4)
    Gives first (N, F) = (N, 3)
    Gives numbers (N, F) = (N, 2)
    Gives second (N, F) = (N, 1)
    Gives last (N, F) = (N, 2)
    Losses take `logits`.
    Weights: `model.load_state_dict(safetensors.torch.load_file("best.safetensors"))`.
    """

    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(4, 3)
        self.scores = nn.Linear(3, 3)
        self.numbers = nn.Linear(3, 2)
        self.answer = nn.Linear(3, 1)
        self.dense1 = nn.Linear(2, 2)

    def logits(self, x):
        trunk = self.trunk(x)  # 3
        scores = self.scores(trunk)  # 3
        x = torch.softmax(scores, dim=-1)  # 3
        numbers = self.numbers(x)  # 2
        answer = self.answer(trunk)  # 1
        return scores, numbers, answer, self.dense1(numbers)  # 2

    def forward(self, x):
        first, numbers, second, logits = self.logits(x)
        return torch.softmax(first, dim=-1), numbers, torch.sigmoid(second), torch.softmax(logits, dim=-1)


if __name__ == "__main__":
    model = Sides().eval()
    # Weights that netspec has trained:
    # from safetensors.torch import load_file
    # model.load_state_dict(load_file("best.safetensors"))
    batch = torch.rand(2, 4)
    with torch.no_grad():
        first, numbers, second, last = model(batch)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {tuple(batch.shape)} to {tuple(first.shape)} and {tuple(numbers.shape)} and {tuple(second.shape)} and {tuple(last.shape)}")
