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
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    // Without its reader of configurations: emeth has its own.
    .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.34.1"),
    .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.2"),
    .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
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
    .systemLibrary(
      name: "CZlib", path: "Sources/CLibraries/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    // The CUDA kernels are text for NVRTC, embedded into the library.
    .target(name: "CEmethCompute", exclude: ["cuda/kernels"], cSettings: strictC),
    .target(name: "EmethKit", dependencies: ["COpenSSL", "CSecp256k1"], swiftSettings: strict),
    .target(name: "EmethCompute", dependencies: ["CEmethCompute", "COpenSSL"], swiftSettings: strict),
    .target(
      name: "EmethNetwork",
      dependencies: [
        "EmethKit", "EmethCompute", "CCurl", "CPostgreSQL", "CZlib",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      // The pages' files are part of the program.
      resources: [
        .embedInCode("Explorer/Static/explorer.css"), .embedInCode("Explorer/Static/explorer.js"),
        .embedInCode("Explorer/Static/icon.svg"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "emeth-cli",
      // The C libraries only for `emeth benchmark`, which measures EmethKit against them alone.
      dependencies: [
        "EmethKit", "EmethCompute", "EmethNetwork", "COpenSSL", "CSecp256k1",
        .product(name: "Logging", package: "swift-log"),
      ],
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
    .executableTarget(
      name: "ExampleChat", dependencies: ["EmethNetwork"], path: "Examples/Chat", swiftSettings: strict),

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
      dependencies: [
        "EmethNetwork", "EmethCompute", "EmethKit", "AggregatorProcess",
        .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
      ],
      resources: [.copy("Fixtures")], swiftSettings: strict),
    .testTarget(
      name: "EmethCommandTests",
      dependencies: [
        "emeth-cli", "EmethKit", "ExampleSettleJob", "ExampleQuoteJob", "ExampleSignTicket",
        "ExampleTrainModel", "ExampleTrainNetwork", "ExampleRunNetwork", "ExampleChat",
      ],
      resources: [.copy("Fixtures")], swiftSettings: strict),
  ],
  cLanguageStandard: .gnu2x
)
