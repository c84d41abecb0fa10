#version 460
// A token of the cell, and the norm of its heads.
#define NORMS
#include "step.glsl"
