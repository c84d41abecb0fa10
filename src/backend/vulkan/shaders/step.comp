#version 460
// A token of the cell; the heads are normed by head_norm.comp.
#include "step.glsl"
