import EmethKit
import Foundation

/// A bucket of an S3-compatible store, as an operator names it:
/// `s3://BUCKET[/PREFIX]?endpoint=URL&region=NAME&credentials=FILE&cache=GIB`.
///
/// ```swift
/// let address = try S3Address("s3://emeth/net1?endpoint=http://127.0.0.1:9000&region=eu-west-1")
/// address.prefix   // "net1/"
/// ```
/// Without an endpoint it is Amazon's of the region, whose buckets are hosts; an endpoint that is named has buckets as
/// the first part of the path. Keys never stand in it: they come from the environment or from a file.
public struct S3Address: Sendable, Hashable, CustomStringConvertible {
  /// The bucket's name.
  public let bucket: String
  /// What all keys begin with: empty, or with a slash at its end.
  public let prefix: String
  /// Where the store listens.
  public let endpoint: ServerAddress
  /// The region that requests are signed for.
  public let region: String
  /// A file of credentials in the form of `~/.aws/credentials`; `nil`: the environment says.
  public let credentials: URL?
  /// How much of the disk copies of objects may take, bytes.
  public let cacheByteCount: UInt64
  /// Whether the bucket is the first part of the path, and not of the host.
  let isPathStyle: Bool

  private static let allowed =
    "s3://BUCKET[/PREFIX][?endpoint=http://HOST:PORT&region=NAME&credentials=FILE&cache=GIB]"

  /// Reads the URL.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)``; what an unknown member says is not repeated.
  public init(_ text: String) throws(NetworkError) {
    func refusal(_ found: String) -> NetworkError {
      .badSetting(name: "storage", found: found, allowed: Self.allowed)
    }
    guard let url = URLComponents(string: text), url.scheme?.lowercased() == "s3", let bucket = url.host,
      url.user == nil, url.password == nil, url.port == nil, url.fragment == nil, !text.contains("@")
    else { throw refusal("another form") }
    guard (3...63).contains(bucket.utf8.count), bucket.utf8.allSatisfy(Self.isBucketByte) else {
      throw refusal("the bucket \"\(bucket)\"")
    }
    let parts = url.path.split(separator: "/")
    guard parts.allSatisfy({ $0 != "." && $0 != ".." && $0.utf8.allSatisfy(Self.isKeyByte) }) else {
      throw refusal("the prefix \"\(url.path)\"")
    }
    var members: [String: String] = [:]
    for item in url.queryItems ?? [] {
      guard ["endpoint", "region", "credentials", "cache"].contains(item.name), members[item.name] == nil,
        let value = item.value, !value.isEmpty
      else { throw refusal("the member \"\(item.name)\"") }
      members[item.name] = value
    }
    let region = members["region"] ?? "us-east-1"
    guard region.utf8.allSatisfy(Self.isBucketByte) else { throw refusal("the region \"\(region)\"") }
    guard let gibibytes = UInt64(members["cache"] ?? "8"), (1...1 << 20).contains(gibibytes) else {
      throw refusal("the cache \"\(members["cache"] ?? "")\"")
    }
    self.bucket = bucket
    self.region = region
    prefix = parts.isEmpty ? "" : parts.joined(separator: "/") + "/"
    credentials = members["credentials"].map { URL(filePath: $0) }
    cacheByteCount = gibibytes << 30
    if let endpoint = members["endpoint"] {
      self.endpoint = try ServerAddress(endpoint)
      isPathStyle = true
    } else {
      // A certificate for all buckets of a region has no name with a dot in it.
      isPathStyle = bucket.contains(".")
      let host = isPathStyle ? "s3.\(region).amazonaws.com" : "\(bucket).s3.\(region).amazonaws.com"
      endpoint = try ServerAddress("https://\(host)")
    }
  }

  /// Bucket and prefix.
  public var description: String { "s3://\(bucket)/\(prefix)" }

  /// The path of an object, encoded; of the bucket for an empty key.
  func path(of key: String) -> String {
    let path = isPathStyle ? "/\(bucket)/\(key)" : "/\(key)"
    return AWSSignature.encode(key.isEmpty && isPathStyle ? "/\(bucket)" : path, slash: true)
  }

  private static func isBucketByte(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
  }

  private static func isKeyByte(_ byte: UInt8) -> Bool {
    isBucketByte(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "_")
  }
}
