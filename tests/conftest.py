"""One thread a test process: the tests run side by side, and threads that fight for cores are slower than none."""

import torch

torch.set_num_threads(1)
