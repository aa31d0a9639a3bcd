// swift-tools-version: 6.2
import PackageDescription

/// One executable for each parser of untrusted input; libFuzzer brings the `main`.
let targets = [
  "FuzzABI", "FuzzCheckpoint", "FuzzCohorts", "FuzzJSON", "FuzzManifests", "FuzzRLP", "FuzzSafetensors",
  "FuzzSealing", "FuzzTickets", "FuzzTokenizers",
  "FuzzTypedData",
]

let package = Package(
  name: "fuzzing",
  dependencies: [.package(name: "emeth", path: "..")],
  targets: targets.map {
    .executableTarget(
      name: $0,
      dependencies: [
        .product(name: "EmethKit", package: "emeth"), .product(name: "EmethCompute", package: "emeth"),
      ],
      swiftSettings: [.swiftLanguageMode(.v6)])
  }
)
