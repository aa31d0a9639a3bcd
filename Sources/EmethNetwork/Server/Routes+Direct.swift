import EmethKit
import Foundation
import HTTPTypes
import Hummingbird

/// Objects that lie in a bucket: clients are shown to the store, with URLs that allow one thing for an hour.
extension Routes {
  func addDirectUploads() {
    for kind in UploadStore.Kind.allCases {
      json(.post, "/api/v2/\(kind.rawValue)/:hash/upload") { request, context, state in
        let hash = try context.hash()
        let (account, wish) = try await state.signed(request, DirectUploads.Wish.self)
        guard let direct = state.directUploads else {
          throw RequestFailure(
            .conflict, code: "upload.notDirect", "objects lie with this server: they are sent to it")
        }
        try await state.checkMayUpload(account)
        let name = UploadStore.Name(kind: kind, hash: hash, account: account)
        // Looking at a short object takes no time to speak of, and spares the client a second question.
        for _ in 0..<20 {
          let turn = try await state.offload { try direct.goOn(name, size: wish.size) }
          guard turn.isChecking else { return turn }
          try await Task.sleep(for: .milliseconds(100))
        }
        return DirectUploads.Turn.checking
      }
    }
  }
}

extension ServerState {
  /// Refuses an account that has no business with objects here.
  func checkMayUpload(_ account: Address) async throws {
    let service = service
    guard try await offload({ try service.mayUpload(account) }) else {
      throw RequestFailure(
        .forbidden, code: "upload.forbidden", "\(account) has neither money nor work here",
        hint: "make a deposit, or take a SubJob")
    }
  }

  /// An object's bytes, or where to fetch them.
  func answer(_ request: Request, object key: String, named hash: Bytes32) async throws -> Response {
    let store = service.store
    guard let place = store.remote else {
      let file = try await offload {
        guard let url = try store.place.file(of: key), let byteCount = Files.byteCount(of: url) else {
          throw NetworkError.missingObject(hash: hash)
        }
        return (url: url, byteCount: byteCount)
      }
      return try await FileAnswer(file, tag: hash, request).response(self)
    }
    let byteCount = try await offload {
      guard let byteCount = try place.byteCount(of: key) else {
        throw NetworkError.missingObject(hash: hash)
      }
      return byteCount
    }
    let headers: HTTPFields = [
      .eTag: "\"\(hash)\"", .acceptRanges: "bytes", .cacheControl: "private, no-store",
    ]
    if request.method == .head {
      let body = ResponseBody(contentLength: Int(clamping: byteCount)) { writer in
        try await writer.finish(nil)
      }
      return Response(status: .ok, headers: headers, body: body)
    }
    var redirect = Response(status: .temporaryRedirect, headers: headers)
    redirect.headers[.location] = place.address(of: key, seconds: DirectUploads.urlSeconds)
    return redirect
  }
}
