#pragma once

#include <stdexcept>
#include <string>

namespace legrad {

/// Base of everything this library throws on purpose. The message is one line: what went wrong, where,
/// what was expected and found, and what to do about it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A model file that cannot be loaded, or whose model cannot be explained rightly.
class ModelError : public Error {
 public:
  using Error::Error;
};

/// An argument of a call that does not fit: a shape, an index, a name, a picture.
class InputError : public Error {
 public:
  using Error::Error;
};

}  // namespace legrad
