import EmethKit
import Foundation

/// A contract as it was compiled: `Contracts/artifacts`.
struct ContractArtifact {
  private let abi: [JSONValue]

  init(_ name: String) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
    let file = root.appending(path: "Contracts/artifacts/\(name).json")
    let document = try JSONValue(parsing: String(contentsOf: file, encoding: .utf8))
    abi = try document.required("abi").arrayElements()
  }

  /// The results of every function by its canonical signature, structs as their members one by one.
  func functions() throws -> [String: [String]] {
    var found: [String: [String]] = [:]
    for entry in try entries("function") {
      found[try signature(entry)] = try entry.required("outputs").arrayElements().flatMap(flat)
    }
    return found
  }

  /// Of every event by its canonical signature, which parameters have a topic.
  func events() throws -> [String: [Bool]] {
    var found: [String: [Bool]] = [:]
    for entry in try entries("event") {
      found[try signature(entry)] = try entry.required("inputs").arrayElements().map {
        try $0.required("indexed").truth()
      }
    }
    return found
  }

  private func entries(_ kind: String) throws -> [JSONValue] {
    try abi.filter { try $0.required("type").stringText() == kind }
  }

  private func signature(_ entry: JSONValue) throws -> String {
    let types = try entry.required("inputs").arrayElements().map(type)
    return try "\(entry.required("name").stringText())(\(types.joined(separator: ",")))"
  }

  private func type(_ parameter: JSONValue) throws -> String {
    let text = try parameter.required("type").stringText()
    guard text.hasPrefix("tuple") else { return text }
    let members = try parameter.required("components").arrayElements().map(type)
    return "(\(members.joined(separator: ",")))\(text.dropFirst(5))"
  }

  private func flat(_ parameter: JSONValue) throws -> [String] {
    guard try parameter.required("type").stringText() == "tuple" else { return [try type(parameter)] }
    return try parameter.required("components").arrayElements().flatMap(flat)
  }
}
