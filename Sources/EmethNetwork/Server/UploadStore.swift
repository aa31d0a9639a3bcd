import EmethKit
import Foundation

/// What arrives in parts: each part is written behind those before it, and when all are there the whole is checked
/// against its name and moves to where it belongs.
///
/// An upload that broke goes on where it stopped, also after a restart: what is there is a file with the account, the
/// kind and the name in its own name.
final class UploadStore: Sendable {
  /// Where something belongs, by the path that it is sent to.
  enum Kind: String, Sendable, CaseIterable {
    /// An object that others may fetch who know its hash.
    case object = "objects"
    /// A data set, which is the Splitter's alone.
    case dataSet = "data-sets"
    /// A masked vector, under its root.
    case vector = "vectors"
  }

  /// One upload of one account.
  struct Name: Hashable, Sendable {
    var kind: Kind
    var hash: Bytes32
    var account: Address
  }

  /// How far an upload is.
  struct Progress: Codable, Sendable, Equatable {
    /// Bytes that are there.
    @DecimalText var offset: UInt64
    /// Whether it is whole and in its place.
    var isComplete: Bool
    /// Whether it goes to the store itself, as an upload's `POST` says; absent where it goes to the server.
    var isDirect: Bool?
    /// With it parts need no signature for an hour; absent where there is nothing to send here.
    var ticket: String?
  }

  /// So many uploads may an account have begun.
  static let countLimit = 64
  /// What was not gone on with for so long is deleted, looked for every hour.
  static let lifetimeSeconds = 7 * 86_400.0

  private let folder: URL
  private let objects: ContentStore
  private let dataSets: ContentStore
  private let objectLimit: UInt64
  /// `nil` where objects are not deleted when nobody holds them.
  private let holds: UploadHolds?
  /// Accounts that begin uploads, by the last byte of their addresses.
  private let turns = (0..<64).map { _ in NSLock() }
  private let hashes = RunningHashes()

  /// - Parameters:
  ///   - folder: where unfinished uploads lie.
  ///   - objectLimit: the longest object, and all unfinished ones of one account together, in bytes.
  init(
    folder: URL, objects: ContentStore, dataSets: ContentStore, objectLimit: UInt64,
    holds: UploadHolds? = nil
  ) throws(NetworkError) {
    self.folder = folder
    self.objects = objects
    self.dataSets = dataSets
    self.objectLimit = objectLimit
    self.holds = holds
    try Files.makeFolder(folder)
    try sweep()
  }

  /// Deletes what was not gone on with for too long.
  func sweep() throws(NetworkError) {
    for file in try contents() {
      if -file.modified.timeIntervalSinceNow > Self.lifetimeSeconds { try Files.remove(file.url) }
    }
  }

  /// How far an upload is.
  ///
  /// - Parameter keeps: whether what is there already is held for the account from now on.
  func progress(of name: Name, keeps: Bool = true) throws(NetworkError) -> Progress {
    if try keeps ? keepIfThere(name) : isThere(name), let there = byteCount(of: name) {
      return Progress(offset: there, isComplete: true)
    }
    let begun = try files(beginning: "\(stem(name))-").compactMap { Files.byteCount(of: $0.url) }
    return Progress(
      offset: begun.max() ?? 0, isComplete: false, isDirect: objects.remote == nil ? nil : true)
  }

  /// Whether an upload is in its place, for this account.
  func isThere(_ name: Name) -> Bool { isStored(name) && isKnown(name) }

  /// Whether an upload is in its place, for this account, and stays there for a while, which counts as if it had come.
  func keepIfThere(_ name: Name) throws(NetworkError) -> Bool {
    guard isThere(name) else { return false }
    try holds?.takePresent(name, byteCount: byteCount(of: name) ?? 0)
    // It may have been deleted before it was held.
    return isThere(name)
  }

  /// Holds what goes to its place now.
  func keep(_ name: Name, byteCount: UInt64) throws(NetworkError) {
    try holds?.take(name, byteCount: byteCount)
  }

  /// Whether it is there now: what was learned before counts no more when somebody else has deleted it.
  private func isStored(_ name: Name) -> Bool {
    switch name.kind {
    case .object: (try? objects.contains(name.hash)) ?? false
    case .dataSet: (try? dataSets.contains(name.hash)) ?? false
    case .vector: (try? objects.place.contains(ContentStore.key(ofVector: name.hash))) ?? false
    }
  }

  /// Notes that an account has given all of a data set, which is in its place.
  func noteGiver(of name: Name) throws(NetworkError) {
    try DataSetGivers(splitterStore: dataSets).add(name.account, of: name.hash)
  }

  /// A part of which nothing has come yet.
  func makePart() throws(NetworkError) -> ArrivingPart { try ArrivingPart(in: folder) }

  /// Puts a part behind what is there.
  ///
  /// - Parameters:
  ///   - part: all of it.
  ///   - offset: how many bytes are before it; another number than is there is a conflict that names it.
  ///   - size: the whole's length.
  func append(_ part: ArrivingPart, at offset: UInt64, of size: UInt64, to name: Name) throws(NetworkError)
    -> Progress
  {
    guard let file = try open(name, at: offset, of: size) else { return try whole(name) }
    let (end, isTooLong) = offset.addingReportingOverflow(part.byteCount)
    guard !isTooLong, end <= size else {
      try removeEmpty(file)
      throw .malformed(what: "part of \(name.hash)", reason: "it ends at \(end), the whole has \(size) bytes")
    }
    try file.append(part)
    return try self.end(file, of: size, name)
  }

  /// The file of an upload, for what comes behind `offset` bytes; nil where the whole is in its place.
  func open(_ name: Name, at offset: UInt64, of size: UInt64) throws(NetworkError) -> UploadFile? {
    if try keepIfThere(name) { return nil }
    let file = try begin(name, size: size)
    guard offset == file.byteCount else {
      try removeEmpty(file)
      throw .refused(
        code: "upload.offset",
        message: "found a part at \(offset), \(file.byteCount) bytes of \(name.hash) are there",
        hint: "ask for the upload's offset and go on from there")
    }
    return file
  }

  /// What is said of an upload that is in its place.
  func whole(_ name: Name) throws(NetworkError) -> Progress {
    guard let there = byteCount(of: name) else { throw .missingObject(hash: name.hash) }
    return Progress(offset: there, isComplete: true)
  }

  /// Ends a part of an upload, and with the last one the upload.
  func end(_ file: UploadFile, of size: UInt64, _ name: Name) throws(NetworkError) -> Progress {
    defer { withExtendedLifetime(file) {} }
    let end = file.byteCount
    guard end == size else {
      try removeEmpty(file)
      return Progress(offset: end, isComplete: false)
    }
    do throws(NetworkError) {
      try finish(file, name)
    } catch {
      // What has not its name is of no use to anyone.
      if case .corruptObject = error {
        try Files.remove(file.url)
        throw .refused(
          code: "upload.corrupt", message: "what was sent is not \(name.hash)", hint: "send it again")
      }
      throw error
    }
    return Progress(offset: size, isComplete: true)
  }

  /// The file of an upload, which is made when there is room for it; one at a time of an account, so that what they are
  /// allowed together is counted.
  private func begin(_ name: Name, size: UInt64) throws(NetworkError) -> UploadFile {
    let turn = turns[Int(name.account.bytes.last ?? 0) % turns.count]
    turn.lock()
    defer { turn.unlock() }
    let url = file(of: name, size: size)
    if !FileManager.default.fileExists(atPath: url.path) {
      let mine = try files(beginning: "\(name.account)-")
      // What they will have, as they said when they began.
      try checkRoom(
        for: size, of: name,
        unfinished: mine.map {
          UInt64($0.url.lastPathComponent.split(separator: "-").last ?? "") ?? Files.byteCount(of: $0.url)
            ?? 0
        })
    }
    guard let file = try UploadFile(url, hashes: hashes) else {
      throw .refused(code: "upload.busy", message: "another part of \(name.hash) is being written", hint: nil)
    }
    return file
  }

  /// What was begun with nothing is not begun.
  private func removeEmpty(_ file: UploadFile) throws(NetworkError) {
    if file.byteCount == 0 { try Files.remove(file.url) }
  }

  private func finish(_ upload: UploadFile, _ name: Name) throws(NetworkError) {
    let file = upload.url
    try keep(name, byteCount: Files.byteCount(of: file) ?? 0)
    switch name.kind {
    case .object: try objects.adopt(file, as: name.hash, found: upload.takeDigest())
    case .dataSet:
      try dataSets.adopt(file, as: name.hash, found: upload.takeDigest())
      try noteGiver(of: name)
    case .vector:
      let vector = try Files.read(file)
      let found = VectorWork(threads: 1).root(of: vector)
      guard found == name.hash else { throw .corruptObject(hash: name.hash, found: found) }
      try objects.put(vector: vector, root: name.hash)
      try Files.remove(file)
    }
  }

  /// The size of what is in its place already.
  private func byteCount(of name: Name) -> UInt64? {
    switch name.kind {
    case .object: objects.byteCount(of: name.hash)
    case .dataSet: dataSets.byteCount(of: name.hash)
    case .vector: (try? objects.place.byteCount(of: ContentStore.key(ofVector: name.hash))) ?? nil
    }
  }

  /// Whether an account may rely on what is there: a data set that somebody else gave is not its own.
  private func isKnown(_ name: Name) -> Bool {
    guard name.kind == .dataSet else { return true }
    return (try? DataSetGivers(splitterStore: dataSets).contains(name.account, of: name.hash)) ?? false
  }

  /// Refuses an upload that is too long, and the next one of an account that has begun too many.
  func checkRoom(for size: UInt64, of name: Name, unfinished: [UInt64]) throws(NetworkError) {
    guard size <= objectLimit else {
      throw .badSetting(name: "size", found: "\(size)", allowed: "at most \(objectLimit) bytes")
    }
    let bytes = unfinished.reduce(UInt64(0)) { $0.addingReportingOverflow($1).partialValue }
    guard unfinished.count < Self.countLimit, bytes <= objectLimit - size else {
      throw .refused(
        code: "upload.tooMany",
        message: "\(unfinished.count) uploads of \(name.account) are unfinished, \(bytes) bytes",
        hint: "finish them first; what is left alone for a week is deleted")
    }
    try holds?.checkRoom(for: size, of: name.account, unfinished: bytes)
  }

  /// What the files of an upload's name begin with; behind it comes the whole's length.
  private func stem(_ name: Name) -> String {
    "\(name.account)-\(name.kind.rawValue)-\(Hex.encode(name.hash.bytes, prefixed: false))"
  }

  private func file(of name: Name, size: UInt64) -> URL { folder.appending(path: "\(stem(name))-\(size)") }

  private func files(beginning start: String) throws(NetworkError) -> [(url: URL, modified: Date)] {
    try contents().filter { $0.url.lastPathComponent.hasPrefix(start) }
  }

  private func contents() throws(NetworkError) -> [(url: URL, modified: Date)] {
    try asNetworkError {
      try FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: [.contentModificationDateKey]
      )
      .map {
        // One that another request has finished meanwhile is as good as new.
        (
          $0,
          (try? $0.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate) ?? .now
        )
      }
    }
  }
}
