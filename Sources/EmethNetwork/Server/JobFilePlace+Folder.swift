import EmethKit
import Foundation

/// Files of jobs in a folder of this machine; parts and downloads go through the server.
struct FolderJobFiles: JobFilePlace {
  /// `files/KEY`, `uploads/ID/NUMBER`, and the secret behind URLs.
  let folder: URL

  private var fileFolder: URL { folder.appending(path: "files") }
  private var uploadFolder: URL { folder.appending(path: "uploads") }
  private static let keyName = "key"

  func url(of file: JobFile) -> URL { fileFolder.appending(path: file.key) }

  private func place(_ id: String) -> URL { uploadFolder.appending(path: id) }

  func begin(_ file: JobFile, parts: Int) throws(NetworkError) -> JobFileStore.Upload {
    let upload = JobFileStore.Upload(file: file, id: JobFile.secret(), begun: DirectUploads.now())
    try Files.makeFolder(place(upload.id))
    try Files.write(
      Data("\(file.key) \(upload.begun) \(parts)".utf8), to: place(upload.id).appending(path: Self.keyName))
    return upload
  }

  func upload(of file: JobFile, _ id: String) throws(NetworkError) -> JobFileStore.Upload? {
    guard let (upload, _) = begun(id), upload.file == file else { return nil }
    return upload
  }

  func uploads() throws(NetworkError) -> [JobFileStore.Upload] {
    names(of: uploadFolder).compactMap { begun($0)?.0 }
  }

  /// An upload and how many parts it has.
  private func begun(_ id: String) -> (JobFileStore.Upload, parts: Int)? {
    // It is a folder's name: nothing but what a secret is made of.
    guard id.utf8.count == 32, id.allSatisfy({ $0.isHexDigit && $0.isASCII }),
      let text = try? Files.read(place(id).appending(path: Self.keyName))
    else { return nil }
    let words = String(decoding: text, as: UTF8.self).split(separator: " ").map(String.init)
    guard words.count == 3, let file = JobFile(key: words[0]), let begun = UInt64(words[1]),
      let parts = Int(words[2])
    else { return nil }
    return (JobFileStore.Upload(file: file, id: id, begun: begun), parts)
  }

  private func names(of folder: URL) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
  }

  /// Whether an upload takes a part of this number.
  func takes(_ number: Int, of id: String) -> Bool {
    begun(id).map { (1...$0.parts).contains(number) } ?? false
  }

  /// Takes a part in; sent again, the last one counts.
  ///
  /// - Returns: its ETag.
  func put(_ part: Data, _ number: Int, of id: String) throws(NetworkError) -> String {
    guard takes(number, of: id) else { throw JobFileStore.unknown(id) }
    try Files.write(part, to: place(id).appending(path: "\(number)"))
    return tag(of: part)
  }

  private func tag(of part: Data) -> String {
    Hex.encode(part.withUnsafeBytes { SHA256.hash($0) }.bytes.prefix(16), prefixed: false)
  }

  func parts(of upload: JobFileStore.Upload) throws(NetworkError) -> [Int: S3Client.Part] {
    var found: [Int: S3Client.Part] = [:]
    for number in names(of: place(upload.id)).compactMap({ Int($0) }) {
      let part = try Files.read(place(upload.id).appending(path: "\(number)"))
      found[number] = S3Client.Part(tag: tag(of: part), byteCount: UInt64(part.count))
    }
    return found
  }

  func merge(_ upload: JobFileStore.Upload, _ parts: [Int: S3Client.Part]) throws(NetworkError) {
    let target = url(of: upload.file)
    try Files.makeFolder(target.deletingLastPathComponent())
    try Files.write(to: target) { file throws(NetworkError) in
      for number in parts.keys.sorted() {
        let part = try Files.read(place(upload.id).appending(path: "\(number)"))
        // Another one may have come since it was looked at.
        guard tag(of: part) == parts[number]?.tag else {
          throw .refused(
            code: "upload.parts", message: "part \(number) came again meanwhile",
            hint: "complete the upload with its new ETag")
        }
        try asNetworkError { try part.withUnsafeBytes { try file.write($0) } }
      }
    }
    try Files.remove(place(upload.id))
  }

  func abort(_ upload: JobFileStore.Upload) throws(NetworkError) { try Files.remove(place(upload.id)) }

  func byteCount(of file: JobFile) throws(NetworkError) -> UInt64? { Files.byteCount(of: url(of: file)) }

  func files() throws(NetworkError) -> [JobFileStore.Stored] {
    var found: [JobFileStore.Stored] = []
    try FolderPlace(folder: fileFolder).list { objects throws(NetworkError) in
      for object in objects {
        guard let file = JobFile(key: object.key) else { continue }
        found.append(
          JobFileStore.Stored(file: file, byteCount: object.byteCount, storedAt: object.storedAt ?? 0))
      }
    }
    return found
  }

  func remove(_ file: JobFile) throws(NetworkError) { try Files.remove(url(of: file)) }

  // MARK: - URLs

  func url(
    ofPart number: Int, of upload: JobFileStore.Upload, server: String
  ) throws(NetworkError) -> String { "\(server)/api/v1/upload/\(upload.id)/\(number)" }

  func url(of file: JobFile, server: String) throws(NetworkError) -> String {
    let expires = DirectUploads.now() + UInt64(JobFileStore.urlSeconds)
    return "\(server)/api/v1/files/\(file.key)?expires=\(expires)&code=\(try code(of: file.key, expires))"
  }

  /// The file that a URL gives; nil for a code that this server has not made, or whose time is over.
  func file(key: String, expires: UInt64, code: String) throws(NetworkError) -> JobFile? {
    guard DirectUploads.now() < expires, try self.code(of: key, expires) == code else { return nil }
    return JobFile(key: key)
  }

  private func code(of key: String, _ expires: UInt64) throws(NetworkError) -> String {
    let code = HMACSHA256.authenticate(Array("\(key) \(expires)".utf8), key: try secret())
    return Hex.encode(code.bytes, prefixed: false)
  }

  /// What URLs are made with: the same for all servers that share the folder.
  private func secret() throws(NetworkError) -> Data {
    let file = folder.appending(path: "secret")
    if let secret = try? Files.read(file), secret.count >= 32 { return secret }
    try Files.makeFolder(folder)
    try Files.write(Data((JobFile.secret() + JobFile.secret()).utf8), to: file, mode: 0o600)
    return try Files.read(file)
  }
}
