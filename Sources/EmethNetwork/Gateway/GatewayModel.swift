import EmethKit
import Foundation

/// A model whose text an operator sells over the gateway (Docs/Decisions/0040).
public struct GatewayModel: Sendable, Hashable {
  /// What clients call it.
  public let name: String
  /// The model's folder.
  public let folder: URL
  /// Of 1,000 tokens, read or drawn.
  public let price: TokenAmount

  /// Bytes of a name, and which.
  public static let allowedName = "1 to 64 letters, digits, '.', '_', '-' and ':'"
  private static let nameBytes = Set(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:".utf8)

  /// A model under a name.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)``.
  public init(name: String, folder: URL, price: TokenAmount) throws(NetworkError) {
    guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy(Self.nameBytes.contains) else {
      throw .badSetting(name: "name of a model", found: name, allowed: Self.allowedName)
    }
    (self.name, self.folder, self.price) = (name, folder, price)
  }
}

/// A model of the gateway as nodes are told of it.
public struct LiveModel: Codable, Sendable, Hashable {
  /// What clients call it.
  public var name: String
  /// Its files, which are objects of the network.
  public var model: ModelReference
  /// What is paid for 1,000 tokens, read or drawn.
  public var price: TokenAmount

  /// What a text costs: price x tokens / 1,000, rounded down.
  func cost(promptTokens: Int, tokens: Int) throws -> TokenAmount {
    TokenAmount(
      holon: try price.holon.multipliedFloorDividing(by: UInt256(promptTokens + tokens), dividingBy: 1_000))
  }
}
