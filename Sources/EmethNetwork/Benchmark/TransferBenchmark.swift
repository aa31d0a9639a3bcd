import EmethKit
import Foundation

/// How fast a file goes to a served network and comes back, by the client that nodes and requesters have, and how much
/// memory that takes on both sides. The server runs in a process of its own.
public struct TransferBenchmark: Sendable {
  /// What was measured.
  public struct Report: Codable, Sendable {
    /// The folder, or the bucket's URL.
    public var storage: String
    /// The file's length.
    public var byteCount: UInt64
    /// Until the server said that it has all of it.
    public var uploadSeconds: Double
    /// Until it was back, and its hash compared.
    public var downloadSeconds: Double
    /// The most memory that the server has had; 0 where the system has no /proc.
    public var serverBytes: Int
    /// The same of this process.
    public var clientBytes: Int
  }

  /// The program whose `serve` is measured.
  public var program: URL
  /// The bucket; `nil` is the server's folder.
  public var storage: String?
  /// The file's length.
  public var byteCount: UInt64

  /// A transfer of so many bytes.
  public init(program: URL, storage: String?, byteCount: UInt64) {
    self.program = program
    self.storage = storage
    self.byteCount = byteCount
  }

  /// Measures, in a folder that is gone afterwards.
  public func run() async throws(NetworkError) -> Report {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "emeth-transfer-\(ProcessInfo.processInfo.processIdentifier)")
    try Files.makeFolder(folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    let key = PrivateKey(seed: .zero, label: "benchmark transfer", index: 0)
    let server = try ChildServer(
      program,
      [
        "serve", "--listen", "127.0.0.1:0", "--data", folder.appending(path: "network").path, "--json",
        "--grant", "\(key.address)=1emeth",
      ] + (storage.map { ["--storage", $0] } ?? []), log: folder.appending(path: "server.log"))
    defer { server.stop() }
    let file = folder.appending(path: "file")
    let hash = try makeFile(file)
    let connection = try HTTPConnection(server: "\(server.address)", key: key)
    let start = ContinuousClock.now
    try await connection.client.upload(file, to: .object, as: hash)
    let uploadSeconds = start.duration(to: .now) / .seconds(1)
    let store = try ContentStore(folder: folder.appending(path: "objects"))
    let middle = ContinuousClock.now
    // As nodes do: the hash of what has come is compared.
    try await connection.fetch(object: hash, into: store)
    return Report(
      storage: storage ?? "folder", byteCount: byteCount, uploadSeconds: uploadSeconds,
      downloadSeconds: middle.duration(to: .now) / .seconds(1), serverBytes: server.mostResidentBytes,
      clientBytes: ChildServer.mostResidentBytes(of: ProcessInfo.processInfo.processIdentifier))
  }

  /// Writes the file, no two blocks of which are the same.
  private func makeFile(_ file: URL) throws(NetworkError) -> Bytes32 {
    var random = ChaCha20Generator(key: Keccak256.hash("benchmark transfer".utf8))
    var block = Data()
    while block.count < 1 << 20 { withUnsafeBytes(of: random.next()) { block.append(contentsOf: $0) } }
    return try asNetworkError {
      try Data().write(to: file)
      let handle = try FileHandle(forWritingTo: file)
      defer { try? handle.close() }
      var hash = SHA256()
      var left = byteCount
      while left > 0 {
        withUnsafeBytes(of: left) { block.replaceSubrange(0..<8, with: $0) }
        let piece = block.prefix(Int(min(left, UInt64(block.count))))
        piece.withUnsafeBytes { hash.update($0) }
        try handle.write(contentsOf: piece)
        left -= UInt64(piece.count)
      }
      return hash.finalize()
    }
  }
}
