// swift-tools-version: 6.2
import PackageDescription

/// Stands on EmethNetwork, with whose dependencies a build takes minutes longer: only where it is asked for.
let evidence = Context.environment["EMETH_FUZZ_EVIDENCE"] == nil ? [] : ["FuzzEvidence"]

/// One executable for each parser of untrusted input; libFuzzer brings the `main`.
let targets =
  [
    "FuzzABI", "FuzzCheckpoint", "FuzzCohorts", "FuzzJSON", "FuzzManifests", "FuzzRLP", "FuzzSafetensors",
    "FuzzSealing", "FuzzTickets", "FuzzTokenizers", "FuzzTypedData",
  ] + evidence

let package = Package(
  name: "fuzzing",
  dependencies: [.package(name: "emeth", path: "..")],
  targets: targets.map {
    .executableTarget(
      name: $0,
      dependencies: [
        .product(name: "EmethKit", package: "emeth"), .product(name: "EmethCompute", package: "emeth"),
      ] + (evidence.contains($0) ? [.product(name: "EmethNetwork", package: "emeth")] : []),
      swiftSettings: [.swiftLanguageMode(.v6)])
  }
)
