import torch
from torch import nn
from torch.nn import functional as F


class Joins(nn.Module):
    """joins: 8x8x3 to 4, 815 parameters.

    Reads batches (N, C, H, W) = (N, 3, 8, 8), gives results (N, F) = (N, 4).
    Weights: `model.load_state_dict(safetensors.torch.load_file("best.safetensors"))`.
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.batchnorm1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
        self.batchnorm2 = nn.BatchNorm2d(6)
        self.conv3 = nn.Conv2d(6, 6, 3, padding=1, groups=2)
        self.dense1 = nn.Linear(6, 3)
        self.dense2 = nn.Linear(3, 6)
        self.conv4 = nn.Conv2d(6, 2, 1)
        self.prelu1 = nn.PReLU(2)
        self.conv5 = nn.Conv2d(6, 2, 1)
        self.groupnorm1 = nn.GroupNorm(2, 4)
        self.code = nn.Linear(4, 4)
        self.dense3 = nn.ParameterDict({"bias": torch.zeros(4)})
        self.conv1d1 = nn.Conv1d(2, 4, 2)
        self.rmsnorm1 = nn.RMSNorm(4, eps=1e-06)

    def forward(self, x):
        relu1 = F.relu(self.batchnorm1(self.conv1(x)), inplace=True)  # 8x8x6
        x = F.relu(self.batchnorm2(self.conv2(relu1)), inplace=True)  # 8x8x6
        x = self.conv3(x)  # 8x8x6
        block = F.relu(relu1 + x, inplace=True)  # 8x8x6
        x = block.mean((2, 3))  # 6
        x = F.relu(self.dense1(x), inplace=True)  # 3
        x = torch.sigmoid(self.dense2(x))  # 6
        mul1 = x[:, :, None, None] * block  # 8x8x6
        prelu1 = self.prelu1(self.conv4(mul1))  # 8x8x2
        x = F.max_pool2d(mul1, 3, stride=1, padding=1)  # 8x8x6
        x = self.conv5(x)  # 8x8x2
        x = torch.cat((prelu1, x), dim=1)  # 8x8x4
        x = self.groupnorm1(x.flatten(2)).view_as(x)  # 8x8x4
        x = x.mean((2, 3))  # 4
        x = self.code(x)  # 4
        x = F.linear(x, self.code.weight.t(), self.dense3["bias"])  # 4
        mean, variance = x.chunk(2, dim=-1)
        x = mean + torch.exp(variance / 2) * torch.randn_like(mean) if self.training else mean  # 2
        x = x[:, None].expand(-1, 3, -1)  # 3x2
        x = self.rmsnorm1(self.conv1d1(F.pad(x.transpose(1, 2), (1, 0))).transpose(1, 2))  # 3x4
        x = F.gelu(x, approximate="tanh")  # 3x4
        return x[:, -1]  # 4


if __name__ == "__main__":
    model = Joins().eval()
    # Weights that netspec has trained:
    # from safetensors.torch import load_file
    # model.load_state_dict(load_file("best.safetensors"))
    batch = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        output = model(batch)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {tuple(batch.shape)} to {tuple(output.shape)}")
