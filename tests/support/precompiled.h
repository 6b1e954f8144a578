#pragma once

// The slow headers of most tests, compiled once. Sources still include what they use.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>
