import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// What stores answer once in a while, and what strangers put into a bucket.
@Suite struct S3AnswerTests {
  @Test func documentsAreToldFromWhatLooksLikeThem() {
    func isDocument(_ text: String) -> Bool {
      S3Answer(status: 200, headers: [:], body: Data(text.utf8)).isDocument
    }
    let spaces = String(repeating: " \n", count: 5_000)
    for text in [
      "<CopyObjectResult/>", "<Errors>", "<CopyObjectResult><ETag>a</ETag></CopyObjectResult>",
      "<?xml version=\"1.0\"?>\n<CopyObjectResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></CopyObjectResult>",
      "\(spaces)<?xml version=\"1.0\"?>\r\n<CopyObjectResult></CopyObjectResult>",
    ] {
      #expect(isDocument(text), "\(text.suffix(60))")
    }
    for text in [
      "", " ", "<Error><Code>InternalError</Code></Error>", "<Error/>", "<Error >", "a<b>", "<",
      "\(spaces)<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><CopyObjectResult/></Error>",
      "<?xml", "CopyObjectResult", "<CopyObjectResult",
    ] {
      #expect(!isDocument(text), "\(text.suffix(60))")
    }
  }

  /// A store that works for long says first that all is well, and then perhaps that it is not.
  @Test(arguments: ["InternalError", "AccessDenied"])
  func anErrorWithTheStatusOfSuccessIsOne(code: String) async throws {
    let store = try StubStore { request in
      switch (request.method, request.target.contains("uploads=")) {
      case ("POST", true):
        .document("<InitiateMultipartUploadResult><UploadId>7</UploadId></InitiateMultipartUploadResult>")
      default:
        StubStore.Reply(
          body: Data(
            "     <?xml version=\"1.0\"?>\n<Error ><Code>\(code)</Code><Message>no</Message></Error>".utf8))
      }
    }
    defer { store.stop() }
    let client = try store.client(attempts: 2)
    try await blocking {
      for body in [
        { try client.complete("7", "key", [1: .init(tag: "a", byteCount: 1)]) },
        { try client.copy("a", to: "b", byteCount: 5) },
        { try client.copy("a", to: "b", byteCount: 3 << 30) },
        { _ = try client.list("x") }, { _ = try client.uploads("x") },
        { _ = try client.parts(of: "7", "key") },
      ] as [() throws -> Void] {
        let error = #expect(throws: NetworkError.self) { try body() }
        #expect(error?.message.contains(code) == true, "\(error?.message ?? "none")")
      }
    }
    // One that passes was asked again.
    let merges = store.requests.count { $0.method == "POST" && $0.target.contains("uploadId=7") }
    #expect(merges == (code == "InternalError" ? 2 : 1))
  }

  @Test func anAnswerWithoutWhatItShouldSayIsNone() async throws {
    let store = try StubStore { _ in StubStore.Reply(body: Data()) }
    defer { store.stop() }
    let client = try store.client()
    try await blocking {
      let error = #expect(throws: NetworkError.self) { try client.copy("a", to: "b", byteCount: 5) }
      #expect(error?.code == "storage.failed")
    }
  }

  /// All pages of a list count, for uploads as for objects and parts.
  @Test func listsAreReadToTheirEnd() async throws {
    let store = try StubStore { request in
      let target = request.target
      func page(_ root: String, _ inside: String, more: String?) -> StubStore.Reply {
        .document("<\(root)><IsTruncated>\(more != nil)</IsTruncated>\(more ?? "")\(inside)</\(root)>")
      }
      if target.contains("uploads=") {
        if target.contains("key-marker=x%2F2") {
          guard target.contains("upload-id-marker=b") else { return .document("<Error/>", status: 400) }
          return page(
            "ListMultipartUploadsResult", "<Upload><Key>x/3</Key><UploadId>c</UploadId></Upload>", more: nil)
        }
        return page(
          "ListMultipartUploadsResult",
          "<Upload><Key>x/1</Key><UploadId>a</UploadId></Upload><Upload><Key>x/2</Key><UploadId>b</UploadId></Upload>",
          more: "<NextKeyMarker>x/2</NextKeyMarker><NextUploadIdMarker>b</NextUploadIdMarker>")
      }
      if target.contains("continuation-token=next%3D") {
        return page("ListBucketResult", "<Contents><Key>x/b</Key><Size>2</Size></Contents>", more: nil)
      }
      return page(
        "ListBucketResult", "<Contents><Key>x/a</Key><Size>1</Size></Contents>",
        more: "<NextContinuationToken>next=</NextContinuationToken>")
    }
    defer { store.stop() }
    let client = try store.client()
    try await blocking {
      let (uploads, objects) = (try client.uploads("x/"), try client.list("x/"))
      #expect(uploads.map(\.id).sorted() == ["a", "b", "c"])
      #expect(objects.map(\.key) == ["x/a", "x/b"])
    }
  }

  /// The bytes of an object are nobody's answer, however they begin.
  @Test func anObjectThatLooksLikeAnErrorIsRead() async throws {
    for text in [
      "<Error><Code>SlowDown</Code></Error>",
      "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code></Error> and more than the first bytes of it",
    ] {
      let data = Data(text.utf8)
      let store = try StubStore { request in
        let range = request.headers["range"].flatMap { FileAnswer.part($0, of: UInt64(data.count)) }
        var reply = StubStore.Reply(headers: ["ETag": "\"1\""], body: data)
        if let range {
          reply.status = 206
          reply.body = data[Int(range.lowerBound)..<Int(range.upperBound)]
        }
        return reply
      }
      defer { store.stop() }
      let folder = try TemporaryFolder()
      let client = try store.client()
      try await blocking {
        let cache = try ObjectCache(folder: folder.url, byteLimit: 1 << 20)
        let objects = try ContentStore(
          place: S3Place(client: client, name: "objects/", cache: cache), folder: folder.url)
        #expect(try objects.get(sha256(data)) == data)
        #expect(try objects.beginning(of: sha256(data), byteCount: 40).bytes == data.prefix(40))
        #expect(try client.hash("any")?.hash == sha256(data))
      }
    }
  }

  /// What was read is what is copied: the store is told which bytes are meant, each time.
  @Test(arguments: [UInt64(5), 3 << 30])
  func whatIsCopiedIsWhatWasRead(byteCount: UInt64) async throws {
    let current = Mutex("\"one\"")
    let store = try StubStore { request in
      let tag = current.withLock { $0 }
      if request.method == "HEAD" {
        return StubStore.Reply(headers: ["ETag": tag], byteCount: Int(byteCount))
      }
      if request.target.contains("uploads=") {
        return .document(
          "<InitiateMultipartUploadResult><UploadId>7</UploadId></InitiateMultipartUploadResult>")
      }
      if request.method == "DELETE" { return StubStore.Reply(status: 204) }
      let wanted = request.headers["x-amz-copy-source-if-match"] ?? request.headers["if-match"]
      guard wanted == tag else {
        return .document("<Error><Code>PreconditionFailed</Code></Error>", status: 412)
      }
      if request.method == "GET" { return StubStore.Reply(headers: ["ETag": tag], body: Data("bytes".utf8)) }
      let root = request.target.contains("partNumber") ? "CopyPartResult" : "CopyObjectResult"
      return .document("<\(root)><ETag>x</ETag></\(root)>")
    }
    defer { store.stop() }
    let client = try store.client()
    try await blocking {
      let seen = try #require(try client.look(at: "source"))
      #expect(seen == .init(byteCount: byteCount, tag: "\"one\""))
      #expect(try client.hash("source", tag: seen.tag)?.hash == sha256(Data("bytes".utf8)))
      // Somebody changes it between the reading and the copy.
      current.withLock { $0 = "\"two\"" }
      for body in [
        { _ = try client.hash("source", tag: seen.tag) },
        { try client.copy("source", to: "target", byteCount: byteCount, tag: seen.tag) },
      ] as [() throws -> Void] {
        let error = #expect(throws: NetworkError.self) { try body() }
        #expect(error?.message.contains("PreconditionFailed") == true, "\(error?.message ?? "none")")
      }
    }
  }

  @Test func timesOfAStoreAreRead() {
    #expect(S3Client.seconds(of: "2026-11-21T20:00:00.000Z") == 1_795_291_200)
    #expect(S3Client.seconds(of: "1970-01-01T00:00:09Z") == 9)
    for text in ["", "yesterday", "2026-11-21"] { #expect(S3Client.seconds(of: text) == nil) }
  }
}
