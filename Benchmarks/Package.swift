// swift-tools-version: 6.2
import PackageDescription

// Speed figures, taken by hand: `swift run -c release --package-path Benchmarks NumberBenchmark`. A package of
// its own, so that neither the build nor the tests of EMETH know of it.
let package = Package(
  name: "EmethBenchmarks",
  dependencies: [.package(name: "emeth", path: "..")],
  targets: [
    .target(name: "CNativeNumbers"),
    .executableTarget(
      name: "NumberBenchmark",
      dependencies: ["CNativeNumbers", .product(name: "EmethKit", package: "emeth")],
      swiftSettings: [.swiftLanguageMode(.v6)]),
  ],
  cLanguageStandard: .gnu2x
)
