#version 460
// A token of the cell, and the norm of its heads, four columns an invocation.
#define NORMS
#define WIDE
#include "step.glsl"
