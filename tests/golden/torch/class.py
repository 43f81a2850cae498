import torch
from torch import nn


class Class(nn.Module):
    """class: of 9 to 3, 51 parameters.

    Reads integers (N), gives results (N, F) = (N, 3).
    Weights: `model.load_state_dict(safetensors.torch.load_file("best.safetensors"))`.
    """

    def __init__(self):
        super().__init__()
        self.embed1 = nn.Embedding(9, 4)
        self.dense1 = nn.Linear(4, 3)

    def forward(self, x):
        x = self.embed1(x)  # 4
        return self.dense1(x)  # 3


if __name__ == "__main__":
    model = Class().eval()
    # Weights that netspec has trained:
    # from safetensors.torch import load_file
    # model.load_state_dict(load_file("best.safetensors"))
    batch = torch.randint(9, (2,))
    with torch.no_grad():
        output = model(batch)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {tuple(batch.shape)} to {tuple(output.shape)}")
