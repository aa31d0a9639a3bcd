import EmethKit
import Foundation

/// Files of jobs in a bucket; parts and downloads go between the client and the store.
struct S3JobFiles: JobFilePlace {
  let client: S3Client

  private var prefix: String { "\(client.address.prefix)job-files/" }

  private func key(_ file: JobFile) -> String { prefix + file.key }

  func begin(_ file: JobFile, parts: Int) throws(NetworkError) -> JobFileStore.Upload {
    JobFileStore.Upload(file: file, id: try client.begin(key(file)), begun: DirectUploads.now())
  }

  func upload(of file: JobFile, _ id: String) throws(NetworkError) -> JobFileStore.Upload? {
    try uploads(beginning: key(file)).first { $0.id == id }
  }

  func uploads() throws(NetworkError) -> [JobFileStore.Upload] { try uploads(beginning: prefix) }

  private func uploads(beginning start: String) throws(NetworkError) -> [JobFileStore.Upload] {
    try client.uploads(start).compactMap { begun in
      guard let file = JobFile(key: String(begun.key.dropFirst(prefix.count))) else { return nil }
      return JobFileStore.Upload(
        file: file, id: begun.id, begun: S3Client.seconds(of: begun.initiated) ?? 0)
    }
  }

  func parts(of upload: JobFileStore.Upload) throws(NetworkError) -> [Int: S3Client.Part] {
    try client.parts(of: upload.id, key(upload.file))
  }

  func merge(_ upload: JobFileStore.Upload, _ parts: [Int: S3Client.Part]) throws(NetworkError) {
    try client.complete(upload.id, key(upload.file), parts)
  }

  func abort(_ upload: JobFileStore.Upload) throws(NetworkError) {
    try client.abort(upload.id, key(upload.file))
  }

  func byteCount(of file: JobFile) throws(NetworkError) -> UInt64? { try client.byteCount(of: key(file)) }

  func files() throws(NetworkError) -> [JobFileStore.Stored] {
    try client.list(prefix).compactMap { object in
      guard let file = JobFile(key: String(object.key.dropFirst(prefix.count))) else { return nil }
      return JobFileStore.Stored(
        file: file, byteCount: object.byteCount, storedAt: S3Client.seconds(of: object.modified) ?? 0)
    }
  }

  func remove(_ file: JobFile) throws(NetworkError) { try client.remove(key(file)) }

  func url(
    ofPart number: Int, of upload: JobFileStore.Upload, server: String
  ) throws(NetworkError) -> String {
    client.presigned(
      "PUT", key(upload.file), query: S3Client.query(part: number, of: upload.id),
      seconds: JobFileStore.urlSeconds)
  }

  func url(of file: JobFile, server: String) throws(NetworkError) -> String {
    client.presigned("GET", key(file), seconds: JobFileStore.urlSeconds)
  }
}
