// Tickets come by the million. These readers take them from JSON that was parsed strictly, faster than through
// Codable, and name the place of what is wrong; `canonicalJSON` is their counterpart.

extension Ticket {
  /// The ticket of a JSON object; further members are ignored.
  ///
  /// - Throws: ``TicketError/malformed(at:cause:)``.
  public init(json: JSONValue) throws(TicketError) {
    self.init(
      account: try json.address("account"), epoch: try json.number("epoch"),
      cumulativePayout: TokenAmount(holon: try json.number("cumulativePayout")),
      unspent: TokenAmount(holon: try json.number("unspent")),
      locked: TokenAmount(holon: try json.number("locked")), jobsRoot: try json.bytes32("jobsRoot"))
  }

  /// The canonical JSON (RFC 8785), as it stands in a batch's public file.
  public var canonicalJSON: String {
    #"{"account":"\#(account)","cumulativePayout":"\#(cumulativePayout.holon)","epoch":"\#(epoch)","#
      + #""jobsRoot":"\#(jobsRoot)","locked":"\#(locked.holon)","unspent":"\#(unspent.holon)"}"#
  }
}

extension UnsignedTicket {
  /// The domain and ticket of a JSON object; further members are ignored.
  ///
  /// - Parameters:
  ///   - json: The object.
  ///   - known: A domain that is used as it is when the object names the same, which saves its hash.
  /// - Throws: ``TicketError/malformed(at:cause:)``.
  public init(json: JSONValue, knownDomain known: EIP712Domain? = nil) throws(TicketError) {
    self.init(
      domain: try json.domain(known: known),
      ticket: try json.nested("ticket") { value throws(TicketError) in try Ticket(json: value) })
  }
}

extension Signed where Content == Ticket {
  /// The signed ticket of a JSON object; nothing of it is checked but the form of its signatures.
  ///
  /// - Parameters:
  ///   - json: The object; further members are ignored.
  ///   - known: A domain that is used as it is when the object names the same, which saves its hash.
  /// - Throws: ``TicketError``: `malformed`, `cosignatures`.
  public init(json: JSONValue, knownDomain known: EIP712Domain? = nil) throws(TicketError) {
    let unsigned = try UnsignedTicket(json: json, knownDomain: known)
    var cosignatures: [Cosignature] = []
    if json["cosignatures"] != nil {
      let elements = try json.member("cosignatures") { value throws(FormatError) in
        try value.arrayElements()
      }
      guard elements.count <= Self.cosignatureLimit else {
        throw .signed(.cosignatures(found: elements.count, allowed: Self.cosignatureLimit))
      }
      for (index, element) in elements.enumerated() {
        do throws(TicketError) {
          cosignatures.append(
            Cosignature(
              signature: try element.signature("signature"), signer: try element.address("signer")))
        } catch {
          throw error.inside("cosignatures[\(index)]")
        }
      }
    }
    self.init(
      domain: unsigned.domain, content: unsigned.ticket, digest: try json.bytes32("digest"),
      signature: try json.signature("signature"), signer: try json.address("signer"),
      cosignatures: cosignatures)
  }

  /// The canonical JSON (RFC 8785) on one line, without a line end.
  public var canonicalJSON: String {
    var text = "{"
    if !cosignatures.isEmpty {
      let all = cosignatures.map { #"{"signature":"\#($0.signature)","signer":"\#($0.signer)"}"# }
      text += #""cosignatures":[\#(all.joined(separator: ","))],"#
    }
    text += #""digest":"\#(digest)","domain":{"chainId":"\#(domain.chainId)","name":"#
    text += Self.quotedJSON(domain.name)
    text += #","verifyingContract":"\#(domain.verifyingContract)","version":"#
    text += Self.quotedJSON(domain.version)
    text += #"},"signature":"\#(signature)","signer":"\#(signer)","ticket":"#
    text += ticket.canonicalJSON
    text += "}"
    return text
  }

  private static func quotedJSON(_ text: String) -> String {
    do throws(FormatError) {
      return try JSONValue.string(text).canonical
    } catch {
      preconditionFailure("a string has no canonical form: \(error.message)")
    }
  }
}

extension TicketError {
  /// The same error, its place one level deeper.
  fileprivate func inside(_ key: String) -> TicketError {
    guard case .malformed(let place, let cause) = self else { return self }
    return .malformed(at: "\(key).\(place)", cause: cause)
  }
}

extension JSONValue {
  fileprivate func member<Value>(
    _ key: String, _ read: (JSONValue) throws(FormatError) -> Value
  ) throws(TicketError) -> Value {
    do throws(FormatError) {
      return try read(try required(key))
    } catch {
      throw .malformed(at: key, cause: .format(error))
    }
  }

  fileprivate func nested<Value>(
    _ key: String, _ read: (JSONValue) throws(TicketError) -> Value
  ) throws(TicketError) -> Value {
    let value = try member(key) { value throws(FormatError) in value }
    do throws(TicketError) {
      return try read(value)
    } catch {
      throw error.inside(key)
    }
  }

  fileprivate func number<Number: FixedWidthInteger & UnsignedInteger>(
    _ key: String
  ) throws(TicketError) -> Number {
    try member(key) { value throws(FormatError) in try value.unsigned() }
  }

  fileprivate func bytes32(_ key: String) throws(TicketError) -> Bytes32 {
    try member(key) { value throws(FormatError) in try Bytes32(hex: value.stringText()) }
  }

  fileprivate func address(_ key: String) throws(TicketError) -> Address {
    let text = try member(key) { value throws(FormatError) in try value.stringText() }
    do throws(CryptoError) {
      return try Address(text)
    } catch {
      throw .malformed(at: key, cause: .crypto(error))
    }
  }

  fileprivate func signature(_ key: String) throws(TicketError) -> Signature {
    let bytes = try member(key) { value throws(FormatError) in try Hex.decode(value.stringText()) }
    do throws(CryptoError) {
      return try Signature(bytes: bytes)
    } catch {
      throw .malformed(at: key, cause: .crypto(error))
    }
  }

  /// The member `domain`; name and version are EMETH and 1 when they are left out.
  fileprivate func domain(known: EIP712Domain?) throws(TicketError) -> EIP712Domain {
    try nested("domain") { value throws(TicketError) in
      let chainId: UInt256 = try value.number("chainId")
      let contract = try value.address("verifyingContract")
      let name = try value.text("name") ?? "EMETH"
      let version = try value.text("version") ?? "1"
      if let known, known.chainId == chainId, known.verifyingContract == contract, known.name == name,
        known.version == version
      {
        return known
      }
      return EIP712Domain(name: name, version: version, chainId: chainId, verifyingContract: contract)
    }
  }

  private func text(_ key: String) throws(TicketError) -> String? {
    guard self[key] != nil else { return nil }
    return try member(key) { value throws(FormatError) in try value.stringText() }
  }
}
