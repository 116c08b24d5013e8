"""Every upsampler by its name in the registry: makes what takes features [1,C,h,w] and an image [1,3,H,W]; one takes views too."""

from functools import partial

from attention_upsamplers import AnyUp, Jafar, LoftUp, Naf
from bilateral_upsamplers import FeatUp, LearnedJbu
from convolutional_upsamplers import CHANNELS, Carafe, Doubling, DySample, Lift, LiftRepeated, Sapa, Uplift
from gaussians import upsample_anything
from implicit_upsampler import FeatUpImplicit
from unlearned_upsamplers import bicubic, bilinear, guided_filter, jbu, joint_bilateral, nearest

UNLEARNED = {
    "nearest": nearest,
    "bilinear": bilinear,
    "bicubic": bicubic,
    "joint-bilateral": joint_bilateral,
    "jbu": jbu,
    "guided-filter": guided_filter,
    "upsample-anything": upsample_anything,
}
LEARNED = {
    "featup": FeatUp,
    "featup-no-norm": partial(FeatUp, norm=False),
    "featup-kernels": partial(FeatUp, norm=False, mixing=False),
    "lift": Lift,
    "lift-repeated": LiftRepeated,
    "uplift": Uplift,
    "carafe": partial(Doubling, Carafe),
    "sapa": partial(Doubling, Sapa),
    "dysample": partial(Doubling, DySample),
    "jbu-learned": LearnedJbu,
    "loftup": LoftUp,
    "jafar": Jafar,
    "anyup": AnyUp,
    "naf": Naf,
    "featup-implicit": FeatUpImplicit,
}


def frozen(make):
    return make().eval().requires_grad_(False)


UPSAMPLERS = {name: lambda function=function: function for name, function in UNLEARNED.items()}
UPSAMPLERS |= {name: partial(frozen, make) for name, make in LEARNED.items()}
