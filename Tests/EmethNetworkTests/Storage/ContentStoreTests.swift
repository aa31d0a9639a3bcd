import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct ContentStoreTests {
  private let folder: TemporaryFolder
  private let store: ContentStore

  init() throws {
    folder = try TemporaryFolder()
    store = try ContentStore(folder: folder.url.appending(path: "objects"))
  }

  private func files() throws -> [String] {
    let walk = FileManager.default.enumerator(
      at: store.folder, includingPropertiesForKeys: [.isRegularFileKey])
    return try (walk?.compactMap { $0 as? URL } ?? [])
      .filter { try $0.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile ?? false }
      .map(\.lastPathComponent).sorted()
  }

  @Test func bytesComeBackByTheirHash() throws {
    for count in [0, 1, 55, 64, 1 << 16] {
      let data = Data((0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) })
      let hash = try store.put(data)
      #expect(hash == SHA256.hash(data))
      #expect(try store.get(hash) == data)
      #expect(try store.contains(hash))
    }
  }

  @Test func theSameBytesAreKeptOnce() throws {
    let data = Data("the same".utf8)
    let hash = try store.put(data)
    let before = try FileManager.default.attributesOfItem(atPath: store.location(of: hash).path)
    #expect(try store.put(data, durable: false) == hash)
    let after = try FileManager.default.attributesOfItem(atPath: store.location(of: hash).path)
    #expect(before[.systemFileNumber] as? Int == after[.systemFileNumber] as? Int, "not written again")
    let name = Hex.encode(hash.bytes, prefixed: false)
    #expect(try files() == [name])
    #expect(store.location(of: hash).deletingLastPathComponent().lastPathComponent == String(name.prefix(2)))
  }

  @Test func manyWritersOfTheSameBytesLeaveOneFile() async throws {
    let data = Data((0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) })
    let hashes = try await withThrowingTaskGroup(of: Bytes32.self) { group in
      for _ in 0..<8 { group.addTask { [store] in try store.put(data, durable: false) } }
      return try await group.reduce(into: Set<Bytes32>()) { $0.insert($1) }
    }
    #expect(hashes.count == 1)
    #expect(try files().count == 1, "no temporary file is left")
    #expect(try store.get(#require(hashes.first)) == data)
  }

  @Test func aMissingObjectIsNamed() throws {
    let hash = SHA256.hash(Array("nobody stored this".utf8))
    #expect(try !store.contains(hash))
    #expect(throws: NetworkError.missingObject(hash: hash)) { try store.get(hash) }
    #expect(NetworkError.missingObject(hash: hash).message.contains("\(hash)"))
    try store.remove(hash)
  }

  @Test(arguments: ["altered", "cut", "empty", "longer"])
  func aDamagedObjectIsRefusedByName(damage: String) throws {
    let data = Data("what was stored".utf8)
    let hash = try store.put(data)
    var damaged = data
    switch damage {
    case "altered": damaged[3] ^= 1
    case "cut": damaged.removeLast()
    case "empty": damaged = Data()
    default: damaged.append(0)
    }
    try damaged.write(to: store.location(of: hash))
    #expect(throws: NetworkError.corruptObject(hash: hash, found: SHA256.hash(damaged))) {
      try store.get(hash)
    }

    // Whoever has the bytes heals it: a power failure must not spoil an object for ever.
    #expect(try store.put(data) == hash)
    #expect(try store.get(hash) == data)
  }

  @Test func aRemovedObjectIsGone() throws {
    let hash = try store.put(Data("gone".utf8))
    try store.remove(hash)
    #expect(try !store.contains(hash))
    #expect(try files().isEmpty)
  }

  @Test func aWriteThatFailsLeavesNothingUnderAnyName() throws {
    let data = Data("cannot be placed".utf8)
    let target = store.location(of: SHA256.hash(data))
    // A folder in the way: the bytes are written, but cannot take their name.
    try FileManager.default.createDirectory(
      at: target.appending(path: "in the way"), withIntermediateDirectories: true)
    #expect {
      try store.put(data)
    } throws: { error in
      guard case NetworkError.fileFailed(let path, let operation, let reason) = error else { return false }
      return path == target.path && operation == "write" && !reason.isEmpty
    }
    #expect(try files().isEmpty)
  }

  /// What `kill -9` left in the middle of writing goes when its place is opened again; objects stay.
  @Test func draftsOfTheDeadAreSwept() throws {
    let hash = try store.put(Data("stays".utf8))
    let place = store.location(of: hash)
    let name = place.lastPathComponent
    let drafts = [
      place.deletingLastPathComponent().appending(path: ".\(name).123.\(UUID().uuidString).partial"),
      store.folder.appending(path: ".\(UUID().uuidString).partial"),
      store.folder.appending(path: "vectors/.a.partial"),
    ]
    try FileManager.default.createDirectory(
      at: store.folder.appending(path: "vectors"), withIntermediateDirectories: true)
    for draft in drafts { try Data("half".utf8).write(to: draft) }
    var old = [timeval(tv_sec: 1_000, tv_usec: 0), timeval(tv_sec: 1_000, tv_usec: 0)]
    #expect(utimes(drafts[0].path, &old) == 0)
    // Others may be at work on the new ones.
    try store.sweepDrafts(olderThan: 3_600)
    #expect(try files().count == 3)
    try store.sweepDrafts(olderThan: 0)
    #expect(try files() == [name])
    #expect(try store.get(hash) == Data("stays".utf8))
  }

  @Test func aFileInPlaceOfTheFolderIsNamed() throws {
    let file = folder.url.appending(path: "file")
    try Data("x".utf8).write(to: file)
    #expect {
      try ContentStore(folder: file)
    } throws: { error in
      guard case NetworkError.fileFailed(let path, "make the folder", let reason) = error else {
        return false
      }
      return path == file.path && !reason.isEmpty
    }
  }

  @Test(.enabled(if: getuid() != 0, "root may write everywhere"))
  func aFolderThatCannotBeWrittenIsNamed() throws {
    let manager = FileManager.default
    try manager.setAttributes([.posixPermissions: 0o555], ofItemAtPath: store.folder.path)
    defer { try? manager.setAttributes([.posixPermissions: 0o755], ofItemAtPath: store.folder.path) }
    #expect {
      try store.put(Data("x".utf8))
    } throws: { error in
      guard case NetworkError.fileFailed(let path, _, let reason) = error else { return false }
      return path.hasPrefix(store.folder.path) && reason.lowercased().contains("permission denied")
    }
    #expect(try files().isEmpty)
  }
}
