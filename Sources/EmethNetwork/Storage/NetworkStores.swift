import EmethKit
import Foundation

/// The two stores of a served network: what roles share, and what the Splitter keeps to itself.
struct NetworkStores: Sendable {
  let objects: ContentStore
  let splitter: ContentStore

  /// Stores in a network's folder, or in a bucket with copies of what was used last in the folder's `cache/`.
  ///
  /// - Throws: ``NetworkError/storageFailed(code:place:reason:)`` when the bucket can't be used,
  ///   ``NetworkError/unreachable(server:reason:)``, and as the folders can't be made.
  init(folder: URL, storage: S3Address?) throws(NetworkError) {
    let splitterFolder = folder.appending(path: "splitter")
    if let storage {
      let client = S3Client(address: storage, credentials: try AWSCredentials.find(file: storage.credentials))
      // Asked once: what is wrong with bucket, key or clock is said at the start.
      try client.send(
        S3Client.Call(
          key: "", query: [(name: "list-type", value: "2"), (name: "max-keys", value: "1")],
          timeoutSeconds: client.settings.timeoutSeconds, what: "look at the bucket"))
      let cacheFolder = folder.appending(path: "cache")
      let cache = try ObjectCache(folder: cacheFolder, byteLimit: storage.cacheByteCount)
      // What the Splitter keeps to itself is copied there too.
      try Files.setMode(0o700, of: cacheFolder)
      objects = try ContentStore(
        place: S3Place(client: client, name: "objects/", cache: cache), folder: cacheFolder)
      splitter = try ContentStore(
        place: S3Place(client: client, name: "splitter/", cache: cache), folder: splitterFolder)
    } else {
      objects = try ContentStore(folder: folder.appending(path: "objects"))
      splitter = try ContentStore(folder: splitterFolder)
    }
    try Files.setMode(0o700, of: splitterFolder)
  }
}
