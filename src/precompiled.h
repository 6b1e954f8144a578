#pragma once

// The slow headers of the library's heavy sources, compiled once. Sources still include what they use.

#include <torch/script.h>

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
