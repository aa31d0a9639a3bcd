import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Signatures against Amazon's published examples, and against botocore.
@Suite struct AWSSignatureTests {
  private typealias Members = [(name: String, value: String)]

  private static let example = AWSSignature(
    credentials: AWSCredentials(
      accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    region: "us-east-1", seconds: 1_369_353_600)
  private static let host = "examplebucket.s3.amazonaws.com"

  private func signature(
    _ method: String, _ path: String, query: Members = [], headers: Members = [],
    payload: String = AWSSignature.emptyPayload
  ) -> String {
    let signed = Self.example.headers(
      method: method, host: Self.host, path: path, query: query, headers: headers, payload: payload)
    return String(signed.first { $0.name == "Authorization" }?.value.suffix(64) ?? "")
  }

  /// "Signature Calculations for the Authorization Header", Amazon S3 API Reference.
  @Test func publishedExamplesAreSignedAlike() {
    #expect(
      signature("GET", "/test.txt", headers: [("Range", "bytes=0-9")])
        == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    let text = Hex.encode(SHA256.hash(Array("Welcome to Amazon S3.".utf8)).bytes, prefixed: false)
    #expect(
      signature(
        "PUT", AWSSignature.encode("/test$file.text", slash: true),
        headers: [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
        payload: text) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    #expect(
      signature("GET", "/", query: [("lifecycle", "")])
        == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
    #expect(
      signature("GET", "/", query: [("max-keys", "2"), ("prefix", "J")])
        == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
  }

  /// "Authenticating Requests: Using Query Parameters", the same reference.
  @Test func thePublishedURLIsMadeAlike() {
    let url = Self.example.presigned(method: "GET", host: Self.host, path: "/test.txt", seconds: 86_400)
    #expect(
      url.hasSuffix("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"))
    #expect(
      url.hasPrefix(
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"))
  }

  /// A URL for one length is not one for another.
  @Test func headersOfAURLAreSigned() {
    func url(_ headers: Members) -> String {
      Self.example.presigned(
        method: "PUT", host: Self.host, path: "/a", query: [("partNumber", "1")], headers: headers, seconds: 9
      )
    }
    let plain = url([])
    let (one, two) = (url([("Content-Length", "5")]), url([("Content-Length", "6")]))
    #expect(
      plain.contains("X-Amz-SignedHeaders=host&")
        && one.contains("X-Amz-SignedHeaders=content-length%3Bhost&"))
    #expect(Set([plain, one, two].map { $0.suffix(64) }).count == 3)
  }

  private struct Case: Codable {
    var method: String
    var host: String
    var path: String
    var query: String
    var headers: [String: String]
    /// Those of the URL.
    var urlHeaders: [String: String]
    var payload: String
    var seconds: UInt64
    var access: String
    var secret: String
    var token: String?
    var region: String
  }

  @Test(.enabled(if: S3Server.python != nil, "EMETH_PYTHON names no Python with botocore"))
  func botocoreSignsAlike() async throws {
    var generator = ChaCha20Generator(key: TestNetwork.seed(77))
    func pick<Value>(_ values: [Value]) -> Value { values[Int(generator.below(UInt32(values.count)))] }
    func text(_ count: Int) -> String {
      let letters = Array("abcXYZ019-._~ /+=&%$?é語\"'")
      return String((0..<count).map { _ in pick(letters) })
    }
    var input = ""
    var expected: [String] = []
    for index in 0..<200 {
      let credentials = AWSCredentials(
        accessKey: "AKIA\(index)", secretKey: text(40), sessionToken: pick([nil, text(60)]))
      let region = pick(["us-east-1", "eu-west-3", "here"])
      let seconds = UInt64(generator.nextWord())
      let signature = AWSSignature(credentials: credentials, region: region, seconds: seconds)
      let host = pick(["127.0.0.1:9000", "bucket.s3.eu-west-3.amazonaws.com"])
      let path = AWSSignature.encode("/" + text(12).replacingOccurrences(of: "/", with: "_"), slash: true)
      let query: Members = pick([
        [], [("uploads", "")], [("partNumber", "7"), ("uploadId", text(20))],
        [("prefix", text(9)), ("list-type", "2")],
      ])
      let headers: Members = pick([[], [("Range", "bytes=5-")], [("x-amz-copy-source", "/a/b%20c")]])
      let urlHeaders: Members = pick([[], [("Content-Length", "\(generator.nextWord())")]])
      let method = pick(["GET", "PUT", "POST", "DELETE", "HEAD"])
      let payload = pick([AWSSignature.emptyPayload, AWSSignature.unsignedPayload])
      let signed = signature.headers(
        method: method, host: host, path: path, query: query, headers: headers, payload: payload)
      expected.append(signed.first { $0.name == "Authorization" }?.value ?? "")
      expected.append(
        signature.presigned(
          method: method, host: host, path: path, query: query, headers: urlHeaders, seconds: 900))
      let asked = Case(
        method: method, host: host, path: path, query: AWSSignature.query(query),
        headers: Dictionary(uniqueKeysWithValues: headers.map { ($0.name, $0.value) }),
        urlHeaders: Dictionary(uniqueKeysWithValues: urlHeaders.map { ($0.name, $0.value) }),
        payload: payload,
        seconds: seconds, access: credentials.accessKey, secret: credentials.secretKey,
        token: credentials.sessionToken, region: region)
      input += String(decoding: try JSONEncoder().encode(asked), as: UTF8.self) + "\n"
    }
    let answers = try await answers(to: input)
    try #require(answers.count == expected.count)
    for (answer, mine) in zip(answers, expected) {
      // The order of a query that was signed is of no importance.
      #expect(Set(answer.split(separator: "&")) == Set(mine.split(separator: "&")) || sameURL(answer, mine))
    }
  }

  private func sameURL(_ one: String, _ other: String) -> Bool {
    func parts(_ text: String) -> Set<Substring> { Set(text.split { $0 == "&" || $0 == "?" }) }
    return parts(one) == parts(other)
  }

  private func answers(to input: String) async throws -> [String] {
    let folder = try TemporaryFolder()
    let (given, found) = (folder.url.appending(path: "in"), folder.url.appending(path: "out"))
    try Data(input.utf8).write(to: given)
    try Data().write(to: found)
    let process = Process()
    process.executableURL = URL(filePath: try #require(S3Server.python))
    process.arguments = [try S3Server.script("sigv4_oracle")]
    process.standardInput = try FileHandle(forReadingFrom: given)
    process.standardOutput = try FileHandle(forWritingTo: found)
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "the script failed; what it says stands above")
    return String(decoding: try Data(contentsOf: found), as: UTF8.self).split(separator: "\n").map(
      String.init)
  }

  @Test func secretsAreNotPrinted() {
    let credentials = AWSCredentials(accessKey: "AKIA", secretKey: "hidden1", sessionToken: "hidden2")
    var dumped = ""
    dump(credentials, to: &dumped)
    #expect(!"\(credentials)\(String(reflecting: credentials))\(dumped)".contains("hidden"))
  }

  @Test func urlsOfBucketsAreReadStrictly() throws {
    let address = try S3Address("s3://emeth/a/b?endpoint=http://127.0.0.1:9000&region=eu-west-1&cache=2")
    #expect(address.prefix == "a/b/" && address.region == "eu-west-1" && address.cacheByteCount == 2 << 30)
    #expect(address.path(of: "a/b/c") == "/emeth/a/b/c" && address.path(of: "") == "/emeth")
    let amazon = try S3Address("s3://emeth?region=eu-west-3")
    #expect("\(amazon.endpoint)" == "https://emeth.s3.eu-west-3.amazonaws.com")
    #expect(amazon.path(of: "k") == "/k" && amazon.path(of: "") == "/")
    for text in [
      "s3://", "http://emeth", "s3://emeth:9000", "s3://user:secret@emeth", "s3://emeth?secret=hidden",
      "s3://emeth?region=", "s3://emeth?region=a&region=b", "s3://emeth/../x", "s3://emeth?cache=0", "s3://e",
      "s3://emeth?endpoint=ftp://x", "s3://emeth/a b", "",
    ] {
      let error = #expect(throws: NetworkError.self, "\(text)") { try S3Address(text) }
      #expect(error?.message.contains("hidden") == false)
    }
  }
}
