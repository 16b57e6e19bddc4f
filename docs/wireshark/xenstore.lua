-- Shows recordings of `xs trace --write FILE`, converted by `xs trace FILE --pcapng OUTPUT`, in Wireshark and tshark:
--   tshark -X lua_script:xenstore.lua -r OUTPUT
-- Each packet is one message behind 12 bytes: what it is (0 request, 1 reply, 2 event), flags (1 the value in the request is
-- hidden, 2 that in the reply), two bytes 0, the connection, the number of the call. Numbers are little endian.

local types = {
  [0] = "CONTROL",
  [1] = "DIRECTORY",
  [2] = "READ",
  [3] = "GET_PERMS",
  [4] = "WATCH",
  [5] = "UNWATCH",
  [6] = "TRANSACTION_START",
  [7] = "TRANSACTION_END",
  [8] = "INTRODUCE",
  [9] = "RELEASE",
  [10] = "GET_DOMAIN_PATH",
  [11] = "WRITE",
  [12] = "MKDIR",
  [13] = "RM",
  [14] = "SET_PERMS",
  [15] = "WATCH_EVENT",
  [16] = "ERROR",
  [17] = "IS_DOMAIN_INTRODUCED",
  [18] = "RESUME",
  [19] = "SET_TARGET",
  [21] = "RESET_WATCHES",
  [22] = "DIRECTORY_PART",
  [23] = "GET_FEATURE",
  [24] = "SET_FEATURE",
  [25] = "GET_QUOTA",
  [26] = "SET_QUOTA",
}

local kinds = { [0] = "request", [1] = "reply", [2] = "event" }

local xenstore = Proto("xenstore", "Xenstore")
local f = xenstore.fields
f.kind = ProtoField.uint8("xenstore.kind", "Kind", base.DEC, kinds)
f.hidden_request = ProtoField.bool("xenstore.hidden_request", "Value of the request hidden", 8, nil, 1)
f.hidden_reply = ProtoField.bool("xenstore.hidden_reply", "Value of the reply hidden", 8, nil, 2)
f.connection = ProtoField.uint32("xenstore.connection", "Connection")
f.call = ProtoField.uint32("xenstore.call", "Call")
f.type = ProtoField.uint32("xenstore.type", "Type", base.DEC, types)
f.req_id = ProtoField.uint32("xenstore.req_id", "Request id")
f.tx_id = ProtoField.uint32("xenstore.tx_id", "Transaction")
f.len = ProtoField.uint32("xenstore.len", "Length")
f.path = ProtoField.string("xenstore.path", "Path")
f.string = ProtoField.string("xenstore.string", "String")
f.payload = ProtoField.bytes("xenstore.payload", "Payload")

-- The strings of a payload, each with its NUL; what is behind the last NUL counts, too.
local function strings(tree, range)
  local at, first = 0, nil
  for i = 0, range:len() - 1 do
    if range(i, 1):uint() == 0 then
      local text = i > at and range(at, i - at):string() or ""
      first = first or text
      tree:add(f.string, range(at, i - at + 1), text)
      at = i + 1
    end
  end
  if at < range:len() then
    local text = range(at):string()
    first = first or text
    tree:add(f.string, range(at), text)
  end
  return first or ""
end

function xenstore.dissector(buffer, pinfo, tree)
  if buffer:len() < 28 then return 0 end
  local root = tree:add(xenstore, buffer())
  local kind, type = buffer(0, 1):uint(), buffer(12, 4):le_uint()
  root:add(f.kind, buffer(0, 1))
  root:add(f.hidden_request, buffer(1, 1))
  root:add(f.hidden_reply, buffer(1, 1))
  root:add_le(f.connection, buffer(4, 4))
  root:add_le(f.call, buffer(8, 4))
  root:add_le(f.type, buffer(12, 4))
  root:add_le(f.req_id, buffer(16, 4))
  root:add_le(f.tx_id, buffer(20, 4))
  root:add_le(f.len, buffer(24, 4))
  local first = ""
  if buffer:len() > 28 then
    local payload = buffer(28)
    first = strings(root:add(f.payload, payload), payload)
    if first:sub(1, 1) == "/" then root:add(f.path, payload(0, #first), first) end
  end
  pinfo.cols.protocol = "Xenstore"
  pinfo.cols.info = string.format(
    "%s %s connection %d call %d %s", kinds[kind] or "?", types[type] or type, buffer(4, 4):le_uint(),
    buffer(8, 4):le_uint(), first)
  return buffer:len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, xenstore)
