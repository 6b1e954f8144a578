#pragma once

namespace legrad::eval {

/// What a report looks like, and how it is used: for the page's <style> and <script>.
extern const char* const kPageStyle;
extern const char* const kPageScript;

}  // namespace legrad::eval
