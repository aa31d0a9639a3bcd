import EmethKit
import Foundation

/// One call of a node's method.
struct RPCCall: Sendable {
  let method: String
  let params: [JSONValue]

  init(_ method: String, _ params: [JSONValue] = []) {
    self.method = method
    self.params = params
  }

  /// The request of several calls, numbered from 0: an array, or one object when it is a single call that goes alone.
  static func body(_ calls: [RPCCall], isBatch: Bool) throws(ChainError) -> Data {
    let objects = calls.enumerated().map { index, call in
      JSONValue.object([
        .init("jsonrpc", .string("2.0")), .init("id", .number("\(index)")),
        .init("method", .string(call.method)), .init("params", .array(call.params)),
      ])
    }
    let text = try asChainError { try (isBatch ? .array(objects) : objects.first ?? .null).canonical }
    return Data(text.utf8)
  }
}

/// What one call came to.
enum RPCOutcome: Sendable {
  case value(JSONValue)
  case failure(number: Int, message: String, data: JSONValue?)
  /// The answer says nothing of this call.
  case missing

  /// The outcomes of `count` calls, in their order; nil when the answer is none.
  static func read(_ body: Data, count: Int, byteLimit: Int) -> [RPCOutcome]? {
    guard let document = try? JSONValue(parsing: String(decoding: body, as: UTF8.self), byteLimit: byteLimit)
    else { return nil }
    var outcomes = [RPCOutcome](repeating: .missing, count: count)
    switch document {
    case .array(let answers):
      for answer in answers {
        guard case .number(let text)? = answer["id"], let index = Int(text), outcomes.indices.contains(index)
        else { continue }
        outcomes[index] = RPCOutcome(answer)
      }
    case .object:
      // One answer: that of a single call, or an error that stands for all of a batch.
      let outcome = RPCOutcome(document)
      if case .failure = outcome { return outcomes.map { _ in outcome } }
      if count == 1, document["id"] == .number("0") { outcomes[0] = outcome }
    default: return nil
    }
    return outcomes
  }

  private init(_ answer: JSONValue) {
    if let error = answer["error"], error != .null {
      var number = 0
      if case .number(let text)? = error["code"] { number = Int(text) ?? 0 }
      var message = "no reason"
      if case .string(let text)? = error["message"] { message = RPCOutcome.printable(text) }
      self = .failure(number: number, message: message, data: error["data"])
    } else if let result = answer["result"] {
      self = .value(result)
    } else {
      self = .missing
    }
  }

  /// A node's words, cut and without what could move a terminal's cursor.
  static func printable(_ text: String) -> String {
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(240) {
      let isVisible = scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
      shown.append(isVisible ? scalar : " ")
    }
    return String(shown)
  }

  /// The data that a reverted call has left, wherever the node puts it; nil when it gives none.
  static func revertData(_ data: JSONValue?) -> [UInt8]? {
    switch data {
    case .string(let text):
      let hex = text.split(separator: " ").last.map(String.init) ?? text
      guard hex.hasPrefix("0x") else { return nil }
      return try? Hex.decode(hex)
    case .object: return revertData(data?["data"] ?? data?["result"])
    default: return nil
    }
  }
}
