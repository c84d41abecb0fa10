#version 460
// A token of the cell, four columns an invocation; the heads are normed by head_norm.comp.
#define WIDE
#include "step.glsl"
