import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// moto's S3 server in a process of its own, on a free port of this machine; it ends with this process at the latest.
final class S3Server: Sendable {
  static let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"]
  static let reason: Comment = "EMETH_PYTHON names no Python with moto"

  let port: UInt16
  let credentials: AWSCredentials
  private let input = Pipe()

  /// One for all tests, each of which has a prefix of its own.
  private static let shared = Task { try await blocking { try S3Server(isStrict: false) } }
  /// One that looks at signatures.
  private static let strict = Task { try await blocking { try S3Server(isStrict: true) } }

  static func one(isStrict: Bool = false) async throws -> S3Server {
    try await (isStrict ? strict : shared).value
  }

  private init(isStrict: Bool) throws {
    let process = Process()
    process.executableURL = URL(filePath: try #require(Self.python))
    process.arguments = [try Self.script("s3_server")] + (isStrict ? ["strict"] : [])
    let output = Pipe()
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let words = output.firstLine().split(separator: " ").map(String.init)
    try #require(words.count == 3, "the script failed; what it says stands above")
    port = try #require(UInt16(words[0]))
    credentials = AWSCredentials(accessKey: words[1], secretKey: words[2])
  }

  /// Where a script of the fixtures lies.
  static func script(_ name: String) throws -> String {
    try #require(Bundle.module.url(forResource: name, withExtension: "py", subdirectory: "Fixtures")).path
  }

  /// The bucket's URL with a prefix, at this server or a relay before it.
  func address(
    _ prefix: String = UUID().uuidString, bucket: String = "emeth", port: UInt16? = nil, more: String = ""
  ) throws -> S3Address {
    try S3Address("s3://\(bucket)/\(prefix)?endpoint=http://127.0.0.1:\(port ?? self.port)\(more)")
  }

  /// The same with a file of credentials, for a server that looks for them.
  func address(keysIn folder: TemporaryFolder) throws -> S3Address {
    let file = folder.url.appending(path: "credentials")
    let text = """
      [default]
      aws_access_key_id = \(credentials.accessKey)
      aws_secret_access_key = \(credentials.secretKey)
      """
    try Data(text.utf8).write(to: file)
    return try address(more: "&credentials=\(file.path)")
  }

  func client(_ address: S3Address? = nil, attempts: Int = 6) throws -> S3Client {
    var settings = ClientSettings()
    settings.attempts = attempts
    settings.longestPauseSeconds = 0.2
    return S3Client(address: try address ?? self.address(), credentials: credentials, settings: settings)
  }

  /// A store of objects with its own cache.
  func store(
    _ folder: TemporaryFolder, _ client: S3Client? = nil, cacheByteLimit: UInt64 = 1 << 30
  ) throws -> ContentStore {
    let place = folder.url.appending(path: UUID().uuidString)
    let cache = try ObjectCache(folder: place, byteLimit: cacheByteLimit)
    return try ContentStore(
      place: S3Place(client: try client ?? self.client(), name: "objects/", cache: cache), folder: place)
  }
}

/// Bytes that are the same on every machine.
func testBytes(_ count: Int, seed: UInt64 = 1) -> Data {
  var generator = ChaCha20Generator(key: TestNetwork.seed(seed))
  var data = Data(capacity: count + 4)
  while data.count < count { withUnsafeBytes(of: generator.nextWord()) { data.append(contentsOf: $0) } }
  return data.prefix(count)
}

func sha256(_ data: Data) -> Bytes32 { data.withUnsafeBytes { SHA256.hash($0) } }
