import EmethCompute
import EmethKit
import Foundation

/// What a node keeps for itself about one SubJob until its round has ended: the states at its segments' ends,
/// their roots, its update, and its result. Nobody else reads this folder.
struct NodeVault {
  /// The result and the roots behind it.
  struct Record: Codable {
    var result: NodeResult
    var assignment: Assignment
    /// State roots at boundaries 0 … n.
    var stateRoots: [Bytes32]
  }

  let folder: URL

  init(folder: URL) { self.folder = folder }

  init(node: URL, subJob: JobID) { self.init(folder: node.appending(path: "\(subJob)")) }

  /// Empties the folder for a new computation.
  func begin() throws(NetworkError) {
    try Files.remove(folder)
    try Files.makeFolder(folder)
  }

  func keepState(_ state: Data, boundary: Int) throws(NetworkError) {
    try Files.write(state, to: stateFile(boundary), durable: false)
  }

  /// As above, from the state's own memory: training waits for it.
  func keepState(_ state: TrainingState, boundary: Int) throws(NetworkError) {
    try Files.write(to: stateFile(boundary), durable: false, isLarge: true) { file throws(NetworkError) in
      try asNetworkError { try state.forEachPiece { try file.write($0) } }
    }
  }

  /// The boundaries whose states are kept, in no order.
  func boundaries() throws(NetworkError) -> [Int] {
    try Self.names(in: folder).compactMap { name in
      name.hasPrefix(Self.statePrefix) ? Int(name.dropFirst(Self.statePrefix.count)) : nil
    }
  }

  /// The bytes of all states in a node's vaults.
  static func stateBytes(of node: URL) throws(NetworkError) -> UInt64 {
    var sum: UInt64 = 0
    for vault in try names(in: node).map({ node.appending(path: $0) }) {
      for name in try names(in: vault) where name.hasPrefix(statePrefix) {
        let attributes = try asNetworkError {
          try FileManager.default.attributesOfItem(atPath: vault.appending(path: name).path)
        }
        sum += attributes[.size] as? UInt64 ?? 0
      }
    }
    return sum
  }

  /// The names in a folder; none where there is no folder.
  private static func names(in folder: URL) throws(NetworkError) -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder), isFolder.boolValue
    else { return [] }
    return try asNetworkError { try FileManager.default.contentsOfDirectory(atPath: folder.path) }
  }

  func state(boundary: Int) throws(NetworkError) -> Data { try Files.read(stateFile(boundary)) }

  func keepUpdate(_ update: Data) throws(NetworkError) {
    try Files.write(update, to: updateFile, durable: false)
  }

  func update() throws(NetworkError) -> Data { try Files.read(updateFile) }

  func keep(_ record: Record) throws(NetworkError) {
    let data = try asNetworkError { try WireFormat.encoder.encode(record) }
    try Files.write(data, to: recordFile)
  }

  /// The finished computation, if there is one.
  func record() throws(NetworkError) -> Record? {
    guard FileManager.default.fileExists(atPath: recordFile.path) else { return nil }
    let data = try Files.read(recordFile)
    return try asNetworkError { try JSONDecoder().decode(Record.self, from: data) }
  }

  /// Takes over all that another vault holds.
  func copy(_ other: NodeVault) throws(NetworkError) {
    try Files.remove(folder)
    try asNetworkError { try FileManager.default.copyItem(at: other.folder, to: folder) }
  }

  func forget() throws(NetworkError) { try Files.remove(folder) }

  private var recordFile: URL { folder.appending(path: "result.json") }

  private var updateFile: URL { folder.appending(path: "update") }

  private static let statePrefix = "state-"

  private func stateFile(_ boundary: Int) -> URL { folder.appending(path: "\(Self.statePrefix)\(boundary)") }
}
