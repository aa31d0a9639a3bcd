// swift-tools-version: 6.2
import PackageDescription

/// One set of strict settings for every target; warnings stop the build in CI only, so that a newer
/// compiler's new warnings never stop a user's build.
let strict: [SwiftSetting] =
  [.swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny")]
  + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])
let strictC: [CSetting] = Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

let package = Package(
  name: "emeth",
  products: [
    .library(name: "EmethKit", targets: ["EmethKit"]),
    .library(name: "EmethCompute", targets: ["EmethCompute"]),
    .library(name: "EmethNetwork", targets: ["EmethNetwork"]),
    .executable(name: "emeth", targets: ["emeth-cli"]),
  ],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0")
  ],
  targets: [
    .systemLibrary(
      name: "COpenSSL", path: "Sources/CLibraries/COpenSSL", pkgConfig: "openssl",
      providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CSecp256k1", path: "Sources/CLibraries/CSecp256k1", pkgConfig: "libsecp256k1",
      providers: [.apt(["libsecp256k1-dev"])]),
    .systemLibrary(
      name: "CCurl", path: "Sources/CLibraries/CCurl", pkgConfig: "libcurl",
      providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(
      name: "CPostgreSQL", path: "Sources/CLibraries/CPostgreSQL", pkgConfig: "libpq",
      providers: [.apt(["libpq-dev"])]),

    .target(name: "CEmethCompute", cSettings: strictC),
    .target(name: "EmethKit", dependencies: ["COpenSSL", "CSecp256k1"], swiftSettings: strict),
    .target(name: "EmethCompute", dependencies: ["CEmethCompute", "COpenSSL"], swiftSettings: strict),
    .target(
      name: "EmethNetwork",
      dependencies: [
        "EmethKit", "EmethCompute", "CCurl", "CPostgreSQL",
        .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "emeth-cli",
      // The C libraries only for `emeth benchmark`, which measures EmethKit against them alone.
      dependencies: ["EmethKit", "EmethCompute", "EmethNetwork", "COpenSSL", "CSecp256k1"],
      swiftSettings: strict),

    .executableTarget(
      name: "ExampleSettleJob", dependencies: ["EmethKit"], path: "Examples/SettleJob", swiftSettings: strict),
    .executableTarget(
      name: "ExampleQuoteJob", dependencies: ["EmethKit"], path: "Examples/QuoteJob", swiftSettings: strict),
    .executableTarget(
      name: "ExampleSignTicket", dependencies: ["EmethKit"], path: "Examples/SignTicket",
      swiftSettings: strict),
    .executableTarget(
      name: "ExampleSplitAndSeal", dependencies: ["EmethKit"], path: "Examples/SplitAndSeal",
      swiftSettings: strict),
    .executableTarget(
      name: "ExampleTrainModel", dependencies: ["EmethCompute"], path: "Examples/TrainModel",
      swiftSettings: strict),
    .executableTarget(
      name: "ExampleTrainNetwork", dependencies: ["EmethCompute"], path: "Examples/TrainNetwork",
      swiftSettings: strict),
    .executableTarget(
      name: "ExampleRunNetwork", dependencies: ["EmethNetwork", "EmethCompute", "EmethKit"],
      path: "Examples/RunNetwork", swiftSettings: strict),

    .testTarget(
      name: "EmethKitTests", dependencies: ["EmethKit"], resources: [.copy("Fixtures")],
      swiftSettings: strict),
    .testTarget(
      name: "EmethComputeTests", dependencies: ["EmethCompute", "CEmethCompute"],
      resources: [.copy("Fixtures")], swiftSettings: strict),
    // The Aggregator in a process of its own, whose memory a test searches.
    .executableTarget(
      name: "AggregatorProcess", dependencies: ["EmethNetwork", "EmethKit"], path: "Tests/AggregatorProcess",
      swiftSettings: strict),
    .testTarget(
      name: "EmethNetworkTests",
      dependencies: ["EmethNetwork", "EmethCompute", "EmethKit", "AggregatorProcess"],
      resources: [.copy("Fixtures")], swiftSettings: strict),
    .testTarget(
      name: "EmethCommandTests",
      dependencies: [
        "emeth-cli", "EmethKit", "ExampleSettleJob", "ExampleQuoteJob", "ExampleSignTicket",
        "ExampleTrainModel", "ExampleTrainNetwork", "ExampleRunNetwork",
      ],
      resources: [.copy("Fixtures")], swiftSettings: strict),
  ],
  cLanguageStandard: .gnu2x
)
