#pragma once

/// The version of this library. It is written here only; the build reads it from this file.
#define LEGRAD_VERSION_MAJOR 0
#define LEGRAD_VERSION_MINOR 1
#define LEGRAD_VERSION_PATCH 0
#define LEGRAD_VERSION "0.1.0"
