import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A chain of a test's own: `Tests/ContractTests/bridge.py`, a real EVM behind JSON-RPC, which ends with this value.
final class ChainBridge: Sendable {
  static let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"]
  static let reason: Comment = "EMETH_PYTHON names no Python with py-evm"

  let url: String
  let chainID: UInt64
  /// Accounts that own coin for gas.
  let keys: [PrivateKey]
  private let input: Pipe

  static func start() async throws -> ChainBridge { try await blocking { try ChainBridge() } }

  private init() throws {
    let process = Process()
    process.executableURL = URL(filePath: try #require(Self.python))
    process.arguments = [Self.root.appending(path: "Tests/ContractTests/bridge.py").path]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    var line = Data()
    while !line.contains(UInt8(ascii: "\n")) {
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { break }
      line.append(more)
    }
    let told = try JSONValue(parsing: String(decoding: line, as: UTF8.self))
    url = try told.required("url").stringText()
    chainID = try told.required("chainId").unsigned()
    keys = try told.required("keys").arrayElements().map { try PrivateKey(hex: $0.stringText()) }
    self.input = input
  }

  deinit { try? input.fileHandleForWriting.close() }

  /// The project's folder.
  static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")
    .standardized

  /// A client that does not wait long.
  func client(_ change: (inout ChainSettings) -> Void = { _ in }) throws -> ChainClient {
    var settings = ChainSettings()
    settings.longestPauseSeconds = 0.1
    settings.requestsPerSecond = 1_000
    change(&settings)
    return ChainClient(endpoint: try ChainEndpoint(url), settings: settings)
  }

  /// What only a chain of one's own can do.
  func tell(_ method: String, _ params: JSONValue...) async throws {
    _ = try await client().request(method, params)
  }

  /// A snapshot to come back to: what follows then is a reorganisation.
  func snapshot() async throws -> JSONValue { try await client().request("evm_snapshot") }

  /// Lets a method's next answers be wrong.
  func fault(_ method: String, _ name: String, _ value: JSONValue, count: Int = 1) async throws {
    try await tell(
      "evm_setFault",
      .object([
        .init("method", .string(method)), .init(name, value), .init("count", .number("\(count)")),
      ]))
  }

  func noFaults() async throws { try await tell("evm_setFault", .object([])) }

  func mine(_ count: Int = 1) async throws { try await tell("evm_mine", .number("\(count)")) }

  /// The code that creates a contract.
  static func code(_ contract: String, _ arguments: [ABIValue] = []) throws -> [UInt8] {
    let file = root.appending(path: "Contracts/artifacts/\(contract).json")
    let document = try JSONValue(parsing: String(contentsOf: file, encoding: .utf8))
    return try Hex.decode(document.required("bytecode").stringText()) + ABI.encode(arguments)
  }
}
