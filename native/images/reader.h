// Reading the numbers of a program, none of which is trusted.
#pragma once

#include <cstdint>
#include <string>

#include "opcodes.h"
#include "program.h"

namespace fovea::images {

// The longest side that a program may ask for, and the most pixels that any image may have on the way.
constexpr int kLongestSide = 16384;
constexpr int64_t kMostPixels = int64_t(1) << 28;

struct Colour {
  uint8_t red;
  uint8_t green;
  uint8_t blue;
};

// A rectangle drawn before the size of the image was known: share of the area, width over height, and where it lies.
struct DrawnBox {
  double area;
  double aspect;
  double across;
  double down;
};

class Reader {
 public:
  explicit Reader(Program program) : at_(program.begin), end_(program.end) {}

  bool done() const { return at_ == end_; }
  Program rest() const { return {at_, end_}; }

  // What the next operation is, without reading it.
  Op peek() const;
  // The next operation; the numbers that follow belong to it.
  Op op();
  // The numbers that follow belong to this operation again.
  void backTo(Op op);

  // A finite number, within bounds where these are given.
  double number(const char* name);
  double number(const char* name, double least, double greatest);
  int whole(const char* name, int least, int greatest);
  int side(const char* name) { return whole(name, 1, kLongestSide); }
  Interpolation interpolation();
  Colour colour();
  // How many boxes follow; each is then read by `box`.
  int boxes();
  DrawnBox box();

  // Says which operation it is about.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  const double* at_;
  const double* end_;
  const char* name_ = "program";
};

}  // namespace fovea::images
