import EmethKit
import Foundation

@testable import EmethNetwork

/// `job/records.json` as a tree whose values can be changed by their path.
struct RecordDocument {
  /// A member's name or an element's place.
  enum Step: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    case member(String)
    case element(Int)

    init(stringLiteral name: String) { self = .member(name) }
    init(integerLiteral place: Int) { self = .element(place) }
  }

  /// A single value of the tree.
  enum Value {
    case text(String)
    case number(Int)
    case flag(Bool)
    case tree(Any)

    /// The decimal text, one higher.
    func plusOne(_ difference: Int = 1) throws -> String {
      guard case .text(let text) = self, let number = UInt256(text, radix: 10) else {
        throw NetworkError.inconsistent(what: "\(self) is no decimal text")
      }
      return "\(difference < 0 ? number - UInt256(-difference) : number + UInt256(difference))"
    }

    /// Hexadecimal text with one digit changed.
    func otherDigit() throws -> String {
      guard case .text(let text) = self, text.count > 12 else {
        throw NetworkError.inconsistent(what: "\(self) is no hexadecimal text")
      }
      let place = text.index(text.startIndex, offsetBy: 10)
      return text.replacingCharacters(in: place...place, with: text[place] == "7" ? "8" : "7")
    }
  }

  private var root: Any

  init(in model: URL) throws {
    root = try JSONSerialization.jsonObject(with: Data(contentsOf: model.appending(path: "job/records.json")))
  }

  func write(to model: URL) throws {
    try JSONSerialization.data(withJSONObject: root).write(to: model.appending(path: "job/records.json"))
  }

  /// The records as they are read.
  func records() throws -> PublicRecords {
    try JSONDecoder().decode(PublicRecords.self, from: JSONSerialization.data(withJSONObject: root))
  }

  /// Replaces the value at a path; `nil` takes it away.
  mutating func change(_ path: [Step], _ body: (Value) throws -> Value?) throws {
    guard let changed = try Self.changed(root, path[...], body) else {
      throw NetworkError.inconsistent(what: "the root cannot be taken away")
    }
    root = changed
  }

  mutating func set(_ path: [Step], _ value: Value?) throws { try change(path) { _ in value } }

  /// Puts a signed or otherwise encodable value at a path.
  mutating func set(_ path: [Step], encoding value: some Encodable) throws {
    let tree = try JSONSerialization.jsonObject(with: WireFormat.encoder.encode(value))
    try set(path, .tree(tree))
  }

  private static func changed(_ node: Any, _ path: ArraySlice<Step>, _ body: (Value) throws -> Value?) throws
    -> Any?
  {
    guard let step = path.first else {
      let found: Value = (node as? String).map { .text($0) } ?? .tree(node)
      switch try body(found) {
      case .text(let text): return text
      case .number(let number): return number
      case .flag(let flag): return flag
      case .tree(let tree): return tree
      case nil: return nil
      }
    }
    switch step {
    case .member(let name):
      guard var object = node as? [String: Any], let value = object[name] else {
        throw NetworkError.inconsistent(what: "no member \(name)")
      }
      object[name] = try changed(value, path.dropFirst(), body)
      return object
    case .element(let place):
      guard var array = node as? [Any], array.indices.contains(place) else {
        throw NetworkError.inconsistent(what: "no element \(place)")
      }
      if let value = try changed(array[place], path.dropFirst(), body) {
        array[place] = value
      } else {
        array.remove(at: place)
      }
      return array
    }
  }
}
