-- What no filter of Envoy's does: a trace for every call, the one click of RFC 8058, and errors in the form of AIP-193.

local names = {[1]="CANCELLED",[2]="UNKNOWN",[3]="INVALID_ARGUMENT",[4]="DEADLINE_EXCEEDED",[5]="NOT_FOUND",
  [6]="ALREADY_EXISTS",[7]="PERMISSION_DENIED",[8]="RESOURCE_EXHAUSTED",[9]="FAILED_PRECONDITION",[10]="ABORTED",
  [11]="OUT_OF_RANGE",[12]="UNIMPLEMENTED",[13]="INTERNAL",[14]="UNAVAILABLE",[15]="DATA_LOSS",[16]="UNAUTHENTICATED"}

-- A call that brings no trace gets one of its own, so that the access log and the services' logs name the same.
local function trace(handle)
  local headers = handle:headers()
  local id = string.match(headers:get("traceparent") or "", "^00%-(%x+)%-%x+%-%x%x$")
  if id == nil or #id ~= 32 then
    id = string.gsub(headers:get("x-request-id") or "", "-", "")
    if #id ~= 32 then return end
    headers:replace("traceparent", "00-" .. id .. "-" .. string.sub(id, 17, 32) .. "-01")
    headers:remove("tracestate")
  end
  handle:streamInfo():dynamicMetadata():set("sharedspaces", "trace_id", id)
end

-- Mail programs post the form `List-Unsubscribe=One-Click` to the address in the mail's header, whose query holds the
-- token (RFC 8058). It becomes the call that a client app makes.
local function one_click(handle)
  local headers = handle:headers()
  local path = headers:get(":path") or ""
  local kind = headers:get("content-type") or ""
  local is_form = string.find(kind, "^application/x%-www%-form%-urlencoded") or string.find(kind, "^multipart/form%-data")
  if headers:get(":method") ~= "POST" or not is_form or not string.find(path, "^/v1/unsubscribe%?") then return end
  local token = string.match(path, "[?&]token=([%w%-_.~]+)")
  local body = handle:body()
  if token == nil or body == nil then return end
  local form = body:getBytes(0, body:length())
  if not string.find(form, "List-Unsubscribe", 1, true) or not string.find(form, "One-Click", 1, true) then return end
  local call = '{"token":"' .. token .. '"}'
  -- What was read before the body had come may not be used any more.
  headers = handle:headers()
  headers:replace(":path", "/v1/unsubscribe")
  headers:replace("content-type", "application/json")
  headers:replace("content-length", tostring(#call))
  body:setBytes(call)
end

function envoy_on_request(handle)
  trace(handle)
  one_click(handle)
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local own = headers:get("x-gateway-status")
  if own ~= nil then
    -- The filter for gRPC-Web makes UNKNOWN of it.
    headers:replace("grpc-status", own)
    headers:remove("x-gateway-status")
    return
  end
  local status = tonumber(headers:get(":status") or "")
  if status == nil or status < 400 or headers:get("content-type") ~= "application/json" then return end
  local body = handle:body()
  if body == nil then return end
  local code, rest = string.match(body:getBytes(0, body:length()), '^{"code":(%d+)(.*)$')
  if code == nil then return end
  local name = names[tonumber(code)] or "UNKNOWN"
  local wrapped = '{"error":{"code":' .. status .. ',"status":"' .. name .. '"' .. rest .. "}"
  body:setBytes(wrapped)
  headers = handle:headers()
  headers:replace("content-length", tostring(#wrapped))
  headers:replace("grpc-status", code)
end
