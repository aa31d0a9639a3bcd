/// Every file of a finished job's folder by its hash, as the network's Signer signs it, so that nobody can
/// change a byte of what a job left behind without being found.
///
/// The files that a third party checks must all be there. Working files, which only the network needs to go on
/// (its database, its objects), may be missing, but where they are they must be the same.
///
/// ```swift
/// let manifest = FolderManifest(jobID: job, files: files)
/// let signed = SignedFolderManifest(signing: manifest, in: domain, with: signerKey)
/// ```
public struct FolderManifest: Hashable, Sendable {
  /// One file.
  public struct File: Hashable, Sendable, Codable {
    /// Its place in the folder, parts separated by `/`.
    public let path: String
    /// Its size in bytes.
    public let size: UInt64
    /// SHA-256 of its bytes.
    public let hash: Bytes32
    /// Whether only the network needs it.
    public let isWorking: Bool

    private enum CodingKeys: String, CodingKey {
      case path, size
      case hash = "sha256"
      case isWorking = "working"
    }

    /// A file of these values.
    public init(path: String, size: UInt64, hash: Bytes32, isWorking: Bool) {
      self.path = path
      self.size = size
      self.hash = hash
      self.isWorking = isWorking
    }

    /// Reads an object.
    public init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      self.init(
        path: try container.decode(String.self, forKey: .path),
        size: try container.decodeNumber(forKey: .size),
        hash: try container.decode(Bytes32.self, forKey: .hash),
        isWorking: try container.decode(Bool.self, forKey: .isWorking))
    }

    /// Writes an object; the size as a decimal string.
    public func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(path, forKey: .path)
      try container.encode("\(size)", forKey: .size)
      try container.encode(hash, forKey: .hash)
      try container.encode(isWorking, forKey: .isWorking)
    }

    /// SHA-256(0x00 ‖ path's length u32 ‖ path ‖ size u64 ‖ hash ‖ 1 for a working file).
    fileprivate var leafHash: Bytes32 {
      let name = Array(path.utf8)
      return StateTree.leafHash(
        UInt32(name.count).bigEndianBytes + name + size.bigEndianBytes + hash.bytes + [isWorking ? 1 : 0])
    }
  }

  /// The job.
  public let jobID: JobID
  /// The files in ascending order of their paths' bytes.
  public let files: [File]

  /// A manifest of files in any order.
  public init(jobID: JobID, files: [File]) {
    self.jobID = jobID
    self.files = files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }

  /// The root over the files.
  public var root: Bytes32 { StateTree.root(leafHashes: files.map(\.leafHash)) }

  /// Why the paths are none that a manifest may have: a path that leaves the folder, or two alike.
  var fault: String? {
    for file in files {
      let parts = file.path.split(separator: "/", omittingEmptySubsequences: false)
      if parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) {
        return "\(file.path) is no place in a folder"
      }
    }
    for (file, next) in zip(files, files.dropFirst())
    where !file.path.utf8.lexicographicallyPrecedes(next.path.utf8) {
      return "\(next.path) does not come after \(file.path)"
    }
    return nil
  }
}

extension FolderManifest: EIP712Struct {
  /// The type's text.
  public static let eip712Type = "FolderManifest(bytes16 jobId,bytes32 filesRoot)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] { [.fixedBytes(jobID.bytes), .bytes32(root)] }
}

extension FolderManifest: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case files
  }

  /// Reads an object; the files must be in ascending order, each once, and inside the folder.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    jobID = try container.decode(JobID.self, forKey: .jobID)
    files = try container.decode([File].self, forKey: .files)
    if let fault {
      throw DecodingError.dataCorruptedError(forKey: .files, in: container, debugDescription: fault)
    }
  }
}

extension FolderManifest: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = VerificationError

  /// The member `folder`.
  public static var jsonKey: String { "folder" }
}

/// A manifest with the Signer's signature.
///
/// In JSON `{"domain", "folder", "digest", "signature", "signer"}`.
public typealias SignedFolderManifest = Signed<FolderManifest>
