import torch
from torch import nn
from torch.nn import functional as F


class Grow(nn.Module):
    """grow: 5x7x2 to 4, 107 parameters.

    Reads batches (N, C, H, W) = (N, 2, 5, 7), gives results (N, F) = (N, 4).
    Weights: `model.load_state_dict(safetensors.torch.load_file("best.safetensors"))`.
    """

    def __init__(self):
        super().__init__()
        self.depthwise1 = nn.Conv2d(2, 2, (4, 3), groups=2)
        self.upconv1 = nn.ConvTranspose2d(2, 3, 3, stride=2)
        self.upconv2 = nn.ConvTranspose2d(3, 4, 1, stride=2)
        self.layernorm1 = nn.LayerNorm(4)

    def forward(self, x):
        x = self.depthwise1(F.pad(x, (1, 1, 1, 2)))  # 5x7x2
        # padding does not count:
        share = F.avg_pool2d(F.pad(torch.ones_like(x[:1, :1]), (0, 1, 0, 1)), 2, stride=1)
        x = F.avg_pool2d(F.pad(x, (0, 1, 0, 1)), 2, stride=1) / share  # 5x7x2
        x = F.elu(self.upconv1(x)[:, :, :10, :14])  # 10x14x3
        x = F.max_pool2d(F.pad(x, (1, 1, 0, 1), value=-torch.inf), (2, 3), stride=1)  # 10x14x3
        x = self.upconv2(F.pad(x, (0, 1, 0, 1)))[:, :, :20, :28]  # 20x28x4
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 10x14x4
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)  # 20x28x4
        x = F.gelu(self.layernorm1(x.movedim(1, -1)).movedim(-1, 1))  # 20x28x4
        return x.amax((2, 3))  # 4


if __name__ == "__main__":
    model = Grow().eval()
    # Weights that netspec has trained:
    # from safetensors.torch import load_file
    # model.load_state_dict(load_file("best.safetensors"))
    batch = torch.rand(2, 2, 5, 7)
    with torch.no_grad():
        output = model(batch)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {tuple(batch.shape)} to {tuple(output.shape)}")
