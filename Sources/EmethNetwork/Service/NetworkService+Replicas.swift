import EmethKit
import Foundation

/// Several processes that serve one network: they have one database, one seed and one store.
extension NetworkService {
  /// Refuses keys and objects that are not those of the processes that were here before.
  ///
  /// - Throws: ``NetworkError/otherRun(path:what:found:wanted:)``.
  func checkOneNetwork() throws(NetworkError) {
    let known = try database.write { db in
      if let known = try Setting.signer.text(in: db) { return known }
      try Setting.signer.set("\(signerAddress)", in: db)
      return "\(signerAddress)"
    }
    guard known == "\(signerAddress)" else {
      throw .otherRun(
        path: folder.path, what: "the Signer of its seed", found: "\(signerAddress)", wanted: known)
    }
    try database.read { db in try signer.checkKeys(in: db) }
    if database.isShared { try checkOneStore() }
  }

  /// What others have put there is seen here.
  private func checkOneStore() throws(NetworkError) {
    var known = try database.read { db in try Setting.store.text(in: db) }
    if known == nil {
      let name = UUID().uuidString.lowercased()
      try splitterStore.place.write(Data(), as: Self.storeKey(name), hash: nil, durable: true)
      known = try database.write { db in
        if let other = try Setting.store.text(in: db) { return other }
        try Setting.store.set(name, in: db)
        return name
      }
    }
    guard let known, try splitterStore.place.contains(Self.storeKey(known)) else {
      throw .otherRun(
        path: folder.path, what: "its store", found: "one without the network's mark",
        wanted: "the one that all who serve this database share")
    }
  }

  private static func storeKey(_ name: String) -> String { "network-\(name)" }

  /// One process after the other opens a folder that several share: the first makes the seed.
  static func lock(_ folder: URL, waits: Bool) throws(NetworkError) -> FolderLock {
    let end = ContinuousClock.now + .seconds(waits ? 30 : 0)
    while true {
      do throws(NetworkError) {
        return try FolderLock(folder: folder)
      } catch {
        guard case .folderInUse = error, ContinuousClock.now < end else { throw error }
      }
      Thread.sleep(forTimeInterval: 0.05)
    }
  }
}
