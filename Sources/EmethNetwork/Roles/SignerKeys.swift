import EmethKit
import Foundation

/// The keys of a network's Signer: the first one, which follows from the seed, and those that took over from it, a file
/// each in the network's folder.
struct SignerKeys: Sendable {
  /// Where the files lie in the network's folder.
  static let folderName = "signers"

  let first: PrivateKey
  /// The network's folder.
  let network: URL

  private func file(of account: Address) -> URL {
    network.appending(path: Self.folderName).appending(path: "\(account)")
  }

  /// The key of an account.
  ///
  /// - Throws: ``NetworkError/otherRun(path:what:found:wanted:)`` when this folder does not have it.
  func key(of account: Address) throws(NetworkError) -> PrivateKey {
    if account == first.address { return first }
    let file = file(of: account)
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw .otherRun(
        path: network.path, what: "the key of its Signer", found: "no file \(file.path)",
        wanted: "\(account)")
    }
    var bytes = [UInt8](try Files.read(file))
    defer { bytes.cleanse() }
    // Without the line's end.
    let digits = bytes.prefix { $0 > 0x20 }
    do throws(CryptoError) {
      let key = try PrivateKey(hexDigits: digits)
      guard key.address == account else { throw .privateKeyInvalid }
      return key
    } catch {
      throw .fileFailed(path: file.path, operation: "read", reason: "it is not the key of \(account)")
    }
  }

  /// The accounts whose keys are files here, in order.
  func accounts() throws(NetworkError) -> [Address] {
    let folder = network.appending(path: Self.folderName)
    guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
    let names = try asNetworkError { try FileManager.default.contentsOfDirectory(atPath: folder.path) }
    return names.compactMap { try? Address($0) }.sorted()
  }

  /// Keeps a key, for the folder's owner alone.
  func keep(_ key: PrivateKey) throws(NetworkError) {
    let folder = network.appending(path: Self.folderName)
    try Files.makeFolder(folder)
    try Files.setMode(0o700, of: folder)
    var text = Data()
    defer { text.resetBytes(in: 0..<text.count) }
    key.withSecretBytes { secret in text.append(contentsOf: Hex.encode(Array(secret)).utf8) }
    text.append(UInt8(ascii: "\n"))
    try Files.write(text, to: file(of: key.address), mode: 0o600)
  }
}

extension Signer {
  /// Looks whether the keys of all epochs that are still to be closed are here.
  func checkKeys(in db: SQLSession) throws {
    let schedule = try schedule(in: db)
    let open = (try Self.latestBatch(in: db)?.batch.epoch ?? 0) + 1
    _ = try keys.key(of: schedule.signer(of: open))
    for change in schedule.changes where change.content.epoch > open {
      _ = try keys.key(of: change.content.next)
    }
  }
}

extension SignerSchedule {
  /// The changes as records and answers have them: nothing where there are none.
  var recordedChanges: [SignedSignerChange]? { changes.isEmpty ? nil : changes }
}

extension PublicRecords {
  /// Who signs which epoch.
  ///
  /// - Throws: ``TicketError`` when the changes do not follow from each other.
  public var signers: SignerSchedule {
    get throws(TicketError) {
      try SignerSchedule(first: signer, changes: signerChanges ?? [], domain: domain)
    }
  }
}
