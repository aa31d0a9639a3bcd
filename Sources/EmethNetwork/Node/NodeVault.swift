import EmethKit
import Foundation

/// What a node keeps for itself about one SubJob until the job has ended: the states at its segments' ends,
/// their roots, and its result. Nobody else reads this folder.
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

  func state(boundary: Int) throws(NetworkError) -> Data { try Files.read(stateFile(boundary)) }

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

  private func stateFile(_ boundary: Int) -> URL { folder.appending(path: "state-\(boundary)") }
}
