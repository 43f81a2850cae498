import torch
from torch import nn
from torch.nn import functional as F


class Aside(nn.Module):
    """aside: 5x4x2 to 5x4x2, 5x4x2, 73 parameters.

    Reads given (N, C, H, W) = (N, 2, 5, 4)
    Gives aux (N, C, H, W) = (N, 2, 5, 4)
    Gives conv2 (N, C, H, W) = (N, 2, 5, 4)
    Weights: `model.load_state_dict(safetensors.torch.load_file("best.safetensors"))`.
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 3, 3, padding=1)
        self.aux = nn.Conv2d(3, 2, 1)
        self.conv2 = nn.Conv2d(3, 2, 1)

    def forward(self, x):
        conv1 = self.conv1(x)  # 5x4x3
        x = F.relu(conv1)  # 5x4x3
        aux = self.aux(x)  # 5x4x2
        return aux, self.conv2(conv1)  # 5x4x2


if __name__ == "__main__":
    model = Aside().eval()
    # Weights that netspec has trained:
    # from safetensors.torch import load_file
    # model.load_state_dict(load_file("best.safetensors"))
    batch = torch.rand(2, 2, 5, 4)
    with torch.no_grad():
        aux, conv2 = model(batch)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {tuple(batch.shape)} to {tuple(aux.shape)} and {tuple(conv2.shape)}")
