"""Image sets: metadata documents read back into data sets, and the files made of them."""
