import EmethCompute
import EmethKit
import Foundation

/// Tokenizers and data sets as they come and go: objects that were uploaded.
extension NetworkService {
  /// The most files of a tokenizer, and the most bytes that they have together.
  private static let tokenizerFileLimit = 16
  private static let tokenizerByteLimit = 64 << 20

  private static let nameBytes = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-".utf8)

  /// Makes a folder of uploaded files; returns its name inside the network's folder.
  func keepTokenizer(_ files: [String: Bytes32]?) throws(NetworkError) -> String? {
    guard let files else { return nil }
    guard (1...Self.tokenizerFileLimit).contains(files.count) else {
      throw .badSetting(
        name: "files of the tokenizer", found: "\(files.count)", allowed: "1 to \(Self.tokenizerFileLimit)")
    }
    let temporary = folder.appending(path: "tokenizers/.\(UUID().uuidString)")
    try Files.makeFolder(temporary)
    defer { try? Files.remove(temporary) }
    var byteCount = 0
    for (name, hash) in files {
      // A name is a name in this folder, and nothing else.
      guard let first = name.utf8.first, first != UInt8(ascii: "."), name.utf8.count <= 64,
        name.utf8.allSatisfy(Self.nameBytes.contains)
      else {
        throw .malformed(
          what: "file of the tokenizer", reason: "\(name.debugDescription) is no plain file name")
      }
      let data = try store.get(hash)
      byteCount += data.count
      guard byteCount <= Self.tokenizerByteLimit else {
        throw .malformed(
          what: "tokenizer", reason: "its files have more than \(Self.tokenizerByteLimit) bytes")
      }
      try Files.write(data, to: temporary.appending(path: name))
    }
    let tokenizer = try asNetworkError { try TokenizerLoader.load(folder: temporary) }
    let name = LocalNetwork.place(of: tokenizer)
    let target = folder.appending(path: name)
    if !FileManager.default.fileExists(atPath: target.path) {
      try asNetworkError { try FileManager.default.moveItem(at: temporary, to: target) }
    }
    return name
  }

  /// The files of a job's tokenizer, which are objects then; `nil` for bytes.
  func tokenizerFiles(of request: TrainingRequest, job: JobID) throws(NetworkError) -> [String: Bytes32]? {
    guard let name = request.tokenizer else { return nil }
    let place = folder.appending(path: name)
    let names = try asNetworkError { try FileManager.default.contentsOfDirectory(atPath: place.path) }
    var files: [String: Bytes32] = [:]
    // For whoever fetches the result now; made again for the next one.
    let held = stores(for: job, .upload).objects
    for name in names { files[name] = try held.put(try Files.read(place.appending(path: name))) }
    return files
  }

}
