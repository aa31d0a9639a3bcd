import EmethCompute
import EmethKit
import Foundation

/// Tokenizers and data sets as they come and go: objects that were uploaded.
extension NetworkService {
  /// The most bytes that the files of a tokenizer have together.
  private static let tokenizerByteLimit: UInt64 = 64 << 20
  /// The files that a tokenizer is read from, as `TokenizerLoader` looks for them.
  private static let tokenizerFiles = [
    ["tokenizer.json"], ["vocab.json", "merges.txt"], ["encoder.json", "vocab.bpe"],
  ]

  /// Keeps the tokenizer that a request names, once it can be paid for: a folder of uploaded files, whose tokenizer must be
  /// the manifest's.
  ///
  /// - Returns: whether it was not there before.
  func keepTokenizer(
    _ files: [String: Bytes32]?, of request: TrainingRequest
  ) throws(NetworkError) -> Bool {
    var isNew = false
    if let files, let name = request.tokenizer {
      let target = folder.appending(path: name)
      if !FileManager.default.fileExists(atPath: target.path) {
        try makeTokenizer(files, request.manifest.tokenizerHash, at: target)
        isNew = true
      }
    }
    do throws(NetworkError) {
      _ = try tokenizer(of: request)
    } catch {
      guard case .inconsistent(let what) = error else { throw error }
      throw .malformed(what: "tokenizer", reason: what)
    }
    return isNew
  }

  /// Refuses a request whose tokenizer was just deleted, as nobody held it. From now on nobody deletes it.
  func requireTokenizer(of request: JobRequest) throws(NetworkError) {
    guard let name = ObjectName.tokenizer(of: request),
      !FileManager.default.fileExists(atPath: folder.appending(path: name.description).path)
    else { return }
    throw .refused(
      code: HoldStore.busy, message: "\(name) was being deleted, as nobody held it",
      hint: "send the job again in a moment")
  }

  /// Folders of tokenizers that are older than a time, and what was left of one that was being made is gone.
  ///
  /// - Parameter time: unix seconds.
  func tokenizerFolders(madeBefore time: UInt64) throws(NetworkError) -> [StoredObject] {
    let place = folder.appending(path: ObjectName.tokenizers)
    guard FileManager.default.fileExists(atPath: place.path) else { return [] }
    let found = try asNetworkError {
      try FileManager.default.contentsOfDirectory(
        at: place, includingPropertiesForKeys: [.contentModificationDateKey])
    }
    var old: [StoredObject] = []
    for one in found {
      let changed = try asNetworkError {
        try one.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate
      }
      guard let changed, let at = UInt64(exactly: changed.timeIntervalSince1970.rounded(.down)), at <= time
      else { continue }
      if one.lastPathComponent.hasPrefix(".") {
        try Files.remove(one)
      } else {
        old.append(StoredObject(key: one.lastPathComponent, byteCount: 0, storedAt: at))
      }
    }
    return old
  }

  /// Deletes a tokenizer's folder: it is there whole or not at all.
  func removeTokenizer(_ name: ObjectName) throws(NetworkError) {
    let place = folder.appending(path: name.description)
    guard FileManager.default.fileExists(atPath: place.path) else { return }
    let going = folder.appending(path: "\(ObjectName.tokenizers).\(UUID().uuidString)")
    try asNetworkError { try FileManager.default.moveItem(at: place, to: going) }
    try Files.remove(going)
  }

  private func makeTokenizer(
    _ files: [String: Bytes32], _ hash: Bytes32, at target: URL
  ) throws(NetworkError) {
    // Clients may send all that lies beside it.
    guard let names = Self.tokenizerFiles.first(where: { $0.allSatisfy { files[$0] != nil } }) else {
      throw .malformed(
        what: "tokenizer",
        reason: "it has neither "
          + Self.tokenizerFiles.map { $0.joined(separator: " with ") }.joined(separator: " nor "))
    }
    let needed = names.compactMap { name in files[name].map { (name: name, hash: $0) } }
    // Before anything is read: objects may be a thousand times as long.
    var byteCount: UInt64 = 0
    for file in needed {
      guard let count = store.byteCount(of: file.hash) else { throw .missingObject(hash: file.hash) }
      guard count <= Self.tokenizerByteLimit - byteCount else {
        throw .malformed(
          what: "tokenizer", reason: "its files have more than \(Self.tokenizerByteLimit) bytes")
      }
      byteCount += count
    }
    let temporary = folder.appending(path: "tokenizers/.\(UUID().uuidString)")
    try Files.makeFolder(temporary)
    defer { try? Files.remove(temporary) }
    for file in needed { try Files.write(store.get(file.hash), to: temporary.appending(path: file.name)) }
    let tokenizer = try asNetworkError { try TokenizerLoader.load(folder: temporary) }
    guard Bytes32(tokenizer.hash) == hash else {
      throw .malformed(what: "tokenizer", reason: "it is not the one that the manifest names")
    }
    do {
      try FileManager.default.moveItem(at: temporary, to: target)
    } catch {
      // Another request may have been faster.
      guard FileManager.default.fileExists(atPath: target.path) else { throw NetworkError(error) }
    }
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
