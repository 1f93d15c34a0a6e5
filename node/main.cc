#include "node/node.h"

int main(int argc, char** argv) {
  return belfry::node::Main(argc, argv, belfry::node::Functions());
}
