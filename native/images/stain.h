// Stains of tissue: haematoxylin, eosin, and what is left.
#pragma once

#include "image.h"

namespace fovea::images {

struct StainChange {
  double scale[3];
  double shift[3];
};

// Separates colours into amounts of the three stains by their optical densities (Ruifrok & Johnston 2001, with the vectors
// of scikit-image's rgb2hed), changes each amount s to scale * s + shift, and puts the colours together again. In place.
void changeStains(Image& image, const StainChange& change);

}  // namespace fovea::images
