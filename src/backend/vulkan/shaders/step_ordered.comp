#version 460
// step_norm.comp behind dispatches without a barrier.
#define NORMS
#define WIDE
#define ORDERED
#include "step.glsl"
